import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync } from "node:fs";
import {
  proveStorable,
  removeLeftovers,
  storeWithPatience,
} from "../../../../src/agent/pairing/storing.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";
import { TestFolder } from "../../../support/folder.ts";

async function configIn(folder: TestFolder, lines: readonly string[] = []) {
  return (await parseAgentConfig(folder.join("etc/agent.conf"), `${lines.join("\n")}\n`)).config;
}

test("T22 a place that takes files is proven, made where it is missing, and left empty", async () => {
  using folder = new TestFolder();
  proveStorable(await configIn(folder, [`cert = ${folder.join("var/agent.crt")}`]));
  expect(readdirSync(folder.join("etc"))).toEqual([]);
  expect(readdirSync(folder.join("var"))).toEqual([]);
});

test("T22 where a link leads is proven, and not made: its owner and mode are the installer's", async () => {
  using folder = new TestFolder();
  const config = await configIn(folder);
  folder.write("etc/agent.conf", "");
  symlinkSync(folder.join("held/agent.crt"), config.cert);
  expect(() => proveStorable(config)).toThrow(
    expect.objectContaining({
      code: "storage",
      message: `Cannot pair: Cannot write ${folder.join("held")}/.pairing-probe: no such file or folder`,
    }),
  );
  expect(folder.has("held")).toBe(false);
  mkdirSync(folder.join("held"));
  proveStorable(config);
  expect(readdirSync(folder.join("held"))).toEqual([]);
});

test.each(["key", "cert", "ca", "dispatcher_serial_path"])(
  "T22 a %s that could not be stored is told before anybody is asked",
  async (key) => {
    using folder = new TestFolder();
    // Nobody, root neither, makes a file there.
    const config = await configIn(folder, [`${key} = /proc/self/${key}`]);
    expect(() => proveStorable(config)).toThrow(
      expect.objectContaining({
        code: "storage",
        message: expect.stringMatching(/^Cannot pair: Cannot write \/proc\/self\/\.pairing-probe:/),
        hint: expect.stringContaining("Nothing was sent"),
      }),
    );
  },
);

test("T10 what killed writes have left is removed from each folder that a pairing writes to", async () => {
  using folder = new TestFolder();
  const config = await configIn(folder, [`cert = ${folder.join("var/agent.crt")}`]);
  const dead = ["etc", "var"].map((name) =>
    folder.write(`${name}/.agent.key.0123456789ab.tmp`, "key"),
  );
  const kept = folder.write("other/.agent.key.0123456789ab.tmp", "key");
  for (const path of [...dead, kept]) utimesSync(path, 1000, 1000);
  removeLeftovers(config);
  expect([...dead, kept].map((path) => existsSync(path))).toEqual([false, false, true]);
});

const full = () => new CtrlExecError("storage", "Cannot write /x: no space left on the disk");

test("T22 storing is tried again until it succeeds, and the first failure is reported once", async () => {
  const told: string[] = [];
  let tries = 0;
  const store = () => {
    tries += 1;
    if (tries < 4) throw full();
  };
  await storeWithPatience(store, {
    forMs: 60_000,
    everyMs: 1,
    onFailure: ({ message }) => told.push(message),
  });
  expect([tries, told]).toEqual([4, ["Cannot write /x: no space left on the disk"]]);
});

test("T22 when the time is up, the failure says that the approval is lost", async () => {
  let tries = 0;
  const storing = storeWithPatience(
    () => {
      tries += 1;
      throw full();
    },
    { forMs: 20, everyMs: 1, onFailure: () => undefined },
  );
  expect(storing).rejects.toMatchObject({
    code: "storage",
    message: "Cannot store what was approved: Cannot write /x: no space left on the disk",
    hint: expect.stringContaining("run request-pairing again"),
  });
  await storing.catch(() => undefined);
  expect(tries).toBeGreaterThan(1);
});

test("what is not a failure of storing is not tried again", async () => {
  let tries = 0;
  const storing = storeWithPatience(
    () => {
      tries += 1;
      throw new TypeError("a fault of ours");
    },
    { forMs: 60_000, everyMs: 1, onFailure: () => undefined },
  );
  expect(storing).rejects.toThrow("a fault of ours");
  await storing.catch(() => undefined);
  expect(tries).toBe(1);
});
