import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  dialAddress,
  labelsOf,
  ownPort,
  readTargets,
  targetOf,
} from "../../../../src/controller/fleet/targets.ts";
import { takeRunLocks } from "../../../../src/controller/runs/locks.ts";
import {
  type AgentRecord,
  recordedAddress,
} from "../../../../src/controller/store/agent-record.ts";
import { LockedError } from "../../../../src/core/errors.ts";
import { HOST_HINT } from "../../../../src/core/hosts/parse-expression.ts";
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

describe("what is typed", () => {
  const refusal = (typed: readonly string[], maxHosts = 3) => {
    try {
      readTargets(typed, undefined, maxHosts);
    } catch (thrown) {
      return thrown;
    }
    return undefined;
  };

  test("is one host at least, and as many as may be", () => {
    expect(refusal([])).toMatchObject({ code: "bad-request", message: "no host given" });
    expect(refusal(["a-1", "a-2", "a-3"])).toBeUndefined();
    expect(refusal(["a-1", "a-2", "a-3", "a-4"])).toMatchObject({
      code: "bad-request",
      message: "4 hosts given; at most 3 at once",
    });
  });

  test("has its own port, the call's, or none", () => {
    expect(readTargets(["a-1:7450", "a-2"], 7451, 3)).toEqual([
      { name: "a-1", port: 7450 },
      { name: "a-2", port: 7451 },
    ]);
    expect(readTargets(["a-1"], undefined, 3)).toEqual([{ name: "a-1", port: undefined }]);
  });

  test("that is not a host is named, and what a percent sign means is said where there is one", () => {
    const message = (text: string) => `"${text}" is not a host, host:port or address`;
    expect(refusal(["a b"])).toMatchObject({ message: message("a b"), hint: HOST_HINT });
    expect(refusal(["10.0.0.1%eth0"])).toMatchObject({
      message: message("10.0.0.1%eth0"),
      hint: expect.stringContaining("fe80::1%eth0"),
    });
  });

  test("twice is refused, also where the port is the usual one", () => {
    expect(refusal(["a-1", "A-1:7443"])).toMatchObject({ message: "A-1 is given twice" });
    expect(refusal(["a-1", "a-1:7444"])).toBeUndefined();
  });

  test("is shown as typed, with the port where two would look the same", () => {
    const hosts = [
      { name: "a-1", port: 1 },
      { name: "A-1", port: 2 },
      { name: "a-2", port: 1 },
      { name: "a-3", port: undefined },
      { name: "a-3", port: 7 },
      // A lock's holder of whom no port is known.
      { name: "a-2", port: 1 },
    ];
    expect(labelsOf(hosts)).toEqual(["a-1:1", "A-1:2", "a-2", "a-3", "a-3:7", "a-2"]);
  });
});

describe("where a host is called", () => {
  const record = (changes: Partial<AgentRecord> = {}) =>
    ({ hostname: "web-01", ip: "192.0.2.7", ...changes }) as AgentRecord;
  const called = (name: string, changes?: Partial<AgentRecord>) =>
    dialAddress(
      targetOf(name, changes && { kind: "agent", record: record(changes) }),
      5000,
      "/srv/c.conf",
    );

  test("at its record's address, if the record says so, or nobody knows the name", async () => {
    expect(await called("localhost", { lookup_by: "ip" })).toBe("192.0.2.7");
    expect(await called("nobody-knows.invalid", {})).toBe("192.0.2.7");
  });

  test("otherwise where its name leads", async () => {
    expect(["127.0.0.1", "::1"]).toContain(await called("localhost", {}));
    expect(await called("web-01")).toBe("web-01");
    expect(await called("web-01", { ip: "", lookup_by: "ip" })).toBe("web-01");
    expect(await called("10.0.0.5", {})).toBe("10.0.0.5");
  });

  test("T70 never at another address that its name reads as", async () => {
    expect(await called("127.1", { hostname: "127.1" })).toBe("192.0.2.7");
    for (const changes of [undefined, { ip: "" }]) {
      await expect(called("127.1", changes)).rejects.toMatchObject({
        code: "config",
        hint: "Give its record one: ctrl-exec edit-agent 127.1 --ip <address> --config /srv/c.conf",
      });
    }
  });

  test("has a port of its own where that is not the record's, or the usual one", () => {
    const at = (port: number | undefined, recorded?: number) =>
      ownPort(targetOf("web-01", { kind: "agent", record: record({ port: recorded }) }, port));
    expect([at(undefined), at(7443), at(7450)]).toEqual([undefined, undefined, 7450]);
    expect([at(undefined, 7450), at(7450, 7450), at(7443, 7450)]).toEqual([
      undefined,
      undefined,
      7443,
    ]);
    expect(ownPort(targetOf("10.0.0.5", undefined, 7450))).toBe(7450);
    // Without it, the address alone would be another host, or nobody.
    const registered = (port: number) =>
      ownPort(targetOf("192.0.2.7", { kind: "agent", record: record({ port }) }, port));
    expect([registered(7450), registered(7443)]).toEqual([7450, undefined]);
  });

  test("is a host's recorded address, if it has one", () => {
    expect(recordedAddress(record())).toBe("192.0.2.7 7443");
    expect(recordedAddress(record({ ip: "2001:DB8::A", port: 7450 }))).toBe("2001:db8::a 7450");
    expect(recordedAddress(record({ ip: "" }))).toBeUndefined();
  });
});
