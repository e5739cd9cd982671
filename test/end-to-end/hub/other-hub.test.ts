/** A hub on a machine that is not a control host: it is pinned, and sees ciphertext. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { freePort } from "../../../src/system/net/free-port.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { TestFolder } from "../../support/folder.ts";
import { openssl } from "../../support/openssl.ts";
import { passOn, TamperingHub } from "../../support/tampering-hub.ts";

const machine = new TestFolder();
let control: ControlHost;
let hub: Running;
let pin: string;
let at: string;
let network: TamperingHub;

async function startHub(port: number): Promise<[fingerprint: string, port: number]> {
  const lines = [
    `state_dir = ${machine.join("state")}`,
    "hub_bind = 127.0.0.1",
    `hub_port = ${port}`,
  ];
  const conf = machine.write("ctrl-exec.conf", `${lines.join("\n")}\n`);
  const args = ["--hub-only", "--config", conf, "--log", "stderr"];
  hub = Running.service("ctrl-exec-api", args);
  const [, fingerprint = "", at = ""] = await hub.seen(
    /ACTION=hub-start BIND=127.0.0.1 FINGERPRINT=(\S+) PORT=(\d+)/,
  );
  return [fingerprint, Number(at)];
}

beforeAll(async () => {
  control = await ControlHost.create(["connect_timeout = 3"]);
  machine.write("ca.crt", readFileSync(control.folder.join("control", "ca.crt")));
  let port: number;
  [pin, port] = await startHub(0);
  at = `127.0.0.1:${port}`;
  network = await TamperingHub.before(port);
  control.addLines([`hubs = ${at}#${pin}`]);
});
afterAll(async () => {
  network?.[Symbol.dispose]();
  await control[Symbol.asyncDispose]();
  await hub?.stop();
  machine[Symbol.dispose]();
});

test("it makes a certificate of its own once, which agents and control hosts pin", async () => {
  const { port } = new URL(`tcp://${at}`);
  await hub.stop();
  const again = await startHub(Number(port));
  expect(again).toEqual([pin, Number(port)]);
  const shown = openssl(machine, "x509", "-in", "hub.crt", "-noout", "-issuer", "-subject");
  expect(shown).toMatch(/issuer=CN ?= ?ctrl-exec-hub\nsubject=CN ?= ?ctrl-exec-hub\n/);
});

test("T43 a host is called through it, and what passes there is ciphertext", async () => {
  const passed: Buffer[] = [];
  network.tamper = (call) => {
    for (const side of [call.agent, call.hub]) {
      side.on("data", (chunk: Buffer) => passed.push(Buffer.from(chunk)));
    }
    passOn(call);
  };
  const edge = await control.startAgent("edge-01", {
    config: ["listen = no", `connect = 127.0.0.1:${network.port}#${pin}`],
    scripts: { tell: 'echo "it is $1"' },
  });
  await edge.serving.seen(/ACTION=hub-up/);
  const { out, err } = await control.run("run", [
    "edge-01",
    "tell",
    "--json",
    "--",
    "the secret word",
  ]);
  expect([err, JSON.parse(out).results[0].stdout]).toEqual(["", "it is the secret word\n"]);
  const bytes = Buffer.concat(passed);
  expect(bytes.length).toBeGreaterThan(1000);
  expect(bytes.includes("secret")).toBe(false);
  expect(hub.err).toMatch(/ACTION=hub-call AGENT=edge-01/);
});

test("T43 a call that is cut in the middle of a run is made again: the output is whole, and it ran once", async () => {
  const edge = await control.startAgent("edge-02", {
    config: ["listen = no", `connect = 127.0.0.1:${network.port}#${pin}`],
    scripts: { long: 'echo run >>"$1"; seq 1 20000' },
  });
  await edge.serving.seen(/ACTION=hub-up/);
  let cuts = 0;
  network.tamper = (call) => {
    let left = cuts < 2 ? 40_000 : Number.POSITIVE_INFINITY;
    call.agent.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left >= 0 || call.hub.destroyed) return;
      cuts += 1;
      for (const socket of [call.hub, call.agent]) socket.resetAndDestroy();
    });
    passOn(call);
  };
  const marks = control.folder.join("marks");
  const { out, status } = await control.run("run", ["edge-02", "long", "--json", "--", marks]);
  const [result] = JSON.parse(out).results;
  expect([status, result.exit, cuts]).toEqual([0, 0, 2]);
  expect(result.stdout).toBe(Array.from({ length: 20_000 }, (_, at) => `${at + 1}\n`).join(""));
  expect(readFileSync(marks, "utf8")).toBe("run\n");
});

test("a host that listens as well is called directly, unless reach = hub or that fails", async () => {
  const both = await control.startAgent("both-01", { config: [`connect = ${at}#${pin}`] });
  await both.serving.seen(/ACTION=hub-up/);
  const via = async () => {
    const { out, err } = await control.run("ping", ["both-01", "--json"]);
    expect(err).toBe("");
    return JSON.parse(out).results[0].via;
  };
  expect(await via()).toBeUndefined();
  await control.mustRun("edit-agent", ["both-01", "--agent-port", String(freePort())]);
  expect(await via()).toBe(at);
  await control.mustRun("edit-agent", ["both-01", "--agent-port", String(both.port)]);
  expect(await via()).toBeUndefined();
  control.addLines(["reach = hub"]);
  expect(await via()).toBe(at);
});

test("T43 another hub than the pinned one is told nothing", async () => {
  const wrong = `sha256:${"00".repeat(32)}`;
  const edge = await control.startAgent("edge-03", {
    config: ["listen = no", `connect = ${at}#${wrong}`],
  });
  const [line] = await edge.serving.seen(/ACTION=hub-down .*/);
  expect(line).toContain(`it shows another certificate than the pinned one: ${pin}`);
  // Without a pin it must be the control host's.
  const naive = await control.startAgent("edge-04", { config: ["listen = no", `connect = ${at}`] });
  expect((await naive.serving.seen(/ACTION=hub-down .*/))[0]).toMatch(
    /REASON="?(DEPTH_ZERO|SELF_SIGNED|UNABLE)/,
  );
  const { err, status } = await control.run("ping", ["edge-03"]);
  expect(status).toBe(1);
  expect(err).toContain("No hub knows it either");
  expect(hub.err).not.toMatch(/hub-agent AGENT=edge-0[34]/);
});

test("list-agents says who is at a hub, and since when", async () => {
  const { out } = await control.mustRun("list-agents", ["--json"]);
  const ways = JSON.parse(out).map((agent: Record<string, unknown>) => [agent.hostname, agent.via]);
  expect(Object.fromEntries(ways)).toEqual({
    "both-01": at,
    "edge-01": at,
    "edge-02": at,
    "edge-03": undefined,
    "edge-04": undefined,
  });
  const table = await control.mustRun("list-agents");
  expect(table.out).toMatch(new RegExp(`^edge-01 .* hub ${at} since 20\\d\\d-\\S+Z$`, "m"));
  expect(table.out).toMatch(/^edge-03 .* direct$/m);
});

test("listen = no without a hub is refused: nobody could reach the agent", async () => {
  const agent = await control.addAgent("alone-01", { config: ["listen = no"] });
  const { err, status } = await agent.run("serve");
  expect(status).not.toBe(0);
  expect(err).toContain("listen = no, and connect names no hub");
});
