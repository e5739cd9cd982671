import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { takeRunLocks } from "../../../../src/controller/runs/locks.ts";
import { LockedError } from "../../../../src/core/errors.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.bare();
});
afterEach(() => fleet[Symbol.asyncDispose]());

function register(hostname: string, ip: string, port?: number): void {
  const record = JSON.stringify({ hostname, ip, port });
  fleet.folder.write(`control/state/agents/${hostname}.json`, record);
}

/** The registered host that each is taken for; "" for none. */
async function hostsOf(typed: readonly string[], port?: number): Promise<string[]> {
  return (await fleet.targets(typed, port)).map(({ record }) => record?.hostname ?? "");
}

describe("a host that is named by its address", () => {
  test("is the registered one that has it, however the address is spelled", async () => {
    register("web-01", "10.0.0.5");
    register("six-01", "2001:db8::a");
    register("mapped-01", "::ffff:10.0.0.6");
    const typed = ["10.0.0.5", "[2001:DB8:0:0::000a]", "10.0.0.6"];
    expect(await hostsOf(typed)).toEqual(["web-01", "six-01", "mapped-01"]);
    expect(await hostsOf(["::ffff:10.0.0.5"])).toEqual(["web-01"]);
    expect(await hostsOf(["::ffff:a00:5"])).toEqual(["web-01"]);
    expect(await hostsOf(["10.0.0.7", "2001:db8::b", "fe80::1%eth0"])).toEqual(["", "", ""]);
  });

  test("is so at its own port only", async () => {
    register("web-01", "10.0.0.5");
    register("web-02", "10.0.0.5", 7450);
    expect(await hostsOf(["10.0.0.5"])).toEqual(["web-01"]);
    expect(await hostsOf(["10.0.0.5:7450"])).toEqual(["web-02"]);
    expect(await hostsOf(["10.0.0.5"], 7450)).toEqual(["web-02"]);
    expect(await hostsOf(["10.0.0.5:7451"])).toEqual([""]);
    expect(await hostsOf(["10.0.0.5:7443"], 7450)).toEqual(["web-01"]);
  });

  test("is nobody's when two are registered there", async () => {
    register("web-01", "10.0.0.5");
    register("web-02", "10.0.0.5", 7443);
    expect(await hostsOf(["10.0.0.5"])).toEqual([""]);
  });

  test("keeps the address as the result's name, and is dialled there", async () => {
    register("web-01", "10.0.0.5", 7450);
    expect(await fleet.targets(["10.0.0.5:7450"])).toMatchObject([
      { name: "10.0.0.5", port: 7450, record: { hostname: "web-01" } },
    ]);
  });

  test.each([
    [["Web-01", "10.0.0.5"], "10.0.0.5 is given twice (it is web-01)"],
    [["10.0.0.5", "web-01"], "web-01 is given twice"],
    [["10.0.0.5", "::ffff:10.0.0.5"], "::ffff:10.0.0.5 is given twice"],
  ])("%p is one host twice", async (typed, message) => {
    register("web-01", "10.0.0.5");
    await expect(hostsOf(typed)).rejects.toMatchObject({ code: "bad-request", message });
  });

  test("T30 has the lock of the name", async () => {
    register("web-01", "10.0.0.5");
    const order = async (host: string) => ({
      targets: await fleet.targets([host]),
      script: "deploy",
      reqid: "0123456789abcdef",
      username: "alice",
    });
    takeRunLocks(fleet.controller, await order("web-01"));
    const again = await order("10.0.0.5");
    expect(() => takeRunLocks(fleet.controller, again)).toThrow(
      new LockedError(["10.0.0.5:deploy"], "list"),
    );
  });
});

test("T05 an address of a registered host must answer with the certificate of that name", async () => {
  await using real = await LocalFleet.create();
  const web = await real.addAgent("web-01");
  const rogue = await real.addAgent("rogue");
  const { port } = rogue.config;
  // The rogue sits where web-01 is registered.
  await web.stop();
  real.folder.write(
    "control/state/agents/web-01.json",
    JSON.stringify({ ...real.record("web-01"), port }),
  );
  real.folder.write(
    "control/state/agents/rogue.json",
    JSON.stringify({ ...real.record("rogue"), ip: "192.0.2.1" }),
  );
  const refusal = "127.0.0.1 answered with the certificate of rogue: refused";
  expect(await real.pingFailures([`127.0.0.1:${port}`])).toEqual([`127.0.0.1: ${refusal}`]);
  expect(await real.runFailures([`127.0.0.1:${port}`])).toEqual([`127.0.0.1: -1 ${refusal}`]);
  expect(rogue.log.of("run")).toEqual([]);
});
