import { describe, expect, test } from "bun:test";
import { Gate } from "../../../../src/agent/door/gate.ts";
import { readAllowedIps } from "../../../../src/agent/state/allowed-ips.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { EventLog } from "../../../support/event-log.ts";

async function gate(...lines: readonly string[]) {
  const { config } = await parseAgentConfig("/etc/agent.conf", lines.join("\n"));
  const log = new EventLog("ctrl-exec-agent");
  const door = new Gate(config, (await readAllowedIps(config)).list, log.log);
  const logged = () => log.events.map(({ action, fields }) => [action, fields] as const);
  const admits = (ip: string, at: number) => door.admits(ip, at) === "admitted";
  return { gate: door, admits, logged };
}

describe("allowed_ips", () => {
  test("who is not on the list is kept out, and logged once a minute with a count", async () => {
    const { admits, logged } = await gate("allowed_ips = 10.0.0.0/8");
    expect(admits("10.1.2.3", 0)).toBe(true);
    for (const at of [0, 10, 59_999]) expect(admits("192.0.2.1", at)).toBe(false);
    expect(admits("192.0.2.1", 60_000)).toBe(false);
    expect(admits("192.0.2.2", 60_001)).toBe(false);
    expect(logged()).toEqual([
      ["ip-block", { PEER: "192.0.2.1" }],
      ["ip-block", { PEER: "192.0.2.1", COUNT: 3 }],
      ["ip-block", { PEER: "192.0.2.2" }],
    ]);
  });

  test("comes before the limits: who is kept out costs no source", async () => {
    const { admits, logged } = await gate("allowed_ips = 10.0.0.1");
    for (let n = 0; n < 2000; n++) admits(`192.0.2.${n}`, 0);
    expect(logged().filter(([action]) => action === "rate-evict")).toEqual([]);
  });

  test("nobody's address is nobody's", async () => {
    const { admits } = await gate("allowed_ips = 0.0.0.0/0");
    expect(admits("", 0)).toBe(false);
  });
});

describe("rate limits", () => {
  test("by default ten connections a minute are let through", async () => {
    const { admits, logged } = await gate();
    const passed = Array.from({ length: 13 }, (_, n) => admits("a", n));
    expect(passed).toEqual([...Array(10).fill(true), false, false, false]);
    expect(admits("a", 10 + 299_999)).toBe(false);
    expect(admits("a", 10 + 300_000)).toBe(true);
    expect(logged()).toEqual([["rate-block", { PEER: "a", REASON: "volume" }]]);
  });

  test("and three failed handshakes in ten minutes", async () => {
    const { gate: door, admits, logged } = await gate();
    for (let n = 0; n < 4; n++) door.handshakeFailed("a", n * 1000);
    expect(admits("a", 4000)).toBe(false);
    expect(admits("a", 3000 + 3_600_000)).toBe(true);
    expect(logged()).toEqual([["rate-block", { PEER: "a", REASON: "probe" }]]);
  });

  test("rate_limit_disable", async () => {
    const { gate: door, admits, logged } = await gate("rate_limit_disable = 1");
    for (let n = 0; n < 100; n++) door.handshakeFailed("a", n);
    for (let n = 0; n < 100; n++) expect(admits("a", n)).toBe(true);
    expect(logged()).toEqual([]);
  });

  test("T21 evictions are one line a minute with their count", async () => {
    const { admits, logged } = await gate();
    for (let n = 0; n < 1500; n++) admits(`source ${n}`, 0);
    expect(logged()).toEqual([["rate-evict", { COUNT: 1 }]]);
  });

  test("T21 a host cannot evade them with the addresses of its /64", async () => {
    const { gate: door, admits, logged } = await gate();
    const passed = Array.from({ length: 12 }, (_, n) => admits(`2001:db8:0:7::${n}`, n));
    expect(passed).toEqual([...Array(10).fill(true), false, false]);
    for (let n = 0; n < 4; n++) door.handshakeFailed(`2001:db8::${n}`, 100);
    expect(admits("2001:db8::ffff:1", 101)).toBe(false);
    expect(admits("2001:db8:0:8::1", 101)).toBe(true);
    expect(logged()).toEqual([
      ["rate-block", { PEER: "2001:db8:0:7::10", REASON: "volume" }],
      ["rate-block", { PEER: "2001:db8::3", REASON: "probe" }],
    ]);
  });

  test("T21 nor fill the log with them", async () => {
    const { admits, logged } = await gate("allowed_ips = 10.0.0.0/8");
    for (let n = 0; n < 2000; n++) admits(`2001:db8::${n.toString(16)}`, n);
    expect(logged()).toEqual([["ip-block", { PEER: "2001:db8::0" }]]);
  });
});

describe("T21 the limits are for strangers", () => {
  test("whoever shows the trusted serial is taken back out of the count", async () => {
    const { gate: door, logged } = await gate();
    for (let n = 0; n < 100; n++) {
      expect(door.admits("a", n)).toBe("admitted");
      door.trustedFrom("a", n);
    }
    expect(logged()).toEqual([]);
  });

  test("strangers who share the address are counted as ever", async () => {
    const { gate: door, logged } = await gate();
    for (let n = 0; n < 10; n++) {
      expect(door.admits("a", 2 * n)).toBe("admitted");
      door.trustedFrom("a", 2 * n);
      expect(door.admits("a", 2 * n + 1)).toBe("admitted");
    }
    expect(door.admits("a", 20)).toBe("one-at-a-time");
    expect(logged()).toEqual([["rate-block", { PEER: "a", REASON: "volume" }]]);
  });

  test("a block that began with connections which then show the serial ends", async () => {
    const { gate: door } = await gate();
    const passed = Array.from({ length: 11 }, (_, n) => door.admits("a", n));
    expect(passed.at(-1)).toBe("refused");
    door.trustedFrom("a", 0);
    expect(door.admits("a", 11)).toBe("one-at-a-time");
    door.trustedFrom("a", 1);
    expect(door.admits("a", 12)).toBe("one-at-a-time");
    for (let n = 2; n < 10; n++) door.trustedFrom("a", n);
    expect(door.admits("a", 13)).toBe("admitted");
  });

  test.each(["volume", "probe"])("a %s block leaves its address one at a time", async (limit) => {
    const { gate: door } = await gate();
    door.trustedFrom("a", -1);
    for (const ip of ["a", "b"]) {
      for (let n = 0; n < 20; n++) {
        if (limit === "volume") door.admits(ip, n);
        else door.handshakeFailed(ip, n);
      }
    }
    expect([door.admits("a", 20), door.admits("b", 20)]).toEqual(["one-at-a-time", "refused"]);
    // Its connections in the slot lift no block that strangers have earned.
    door.trustedFrom("a", 20);
    expect(door.admits("a", 21)).toBe("one-at-a-time");
  });

  test("no neighbour in the same network gains by it", async () => {
    const { gate: door } = await gate();
    door.trustedFrom("2001:db8::1", -1);
    for (let n = 0; n < 50; n++) door.admits("2001:db8::2", n);
    expect(door.admits("2001:db8::2", 51)).toBe("refused");
    expect(door.admits("2001:db8::1", 51)).toBe("one-at-a-time");
  });

  test("allowed_ips keeps out whoever it keeps out", async () => {
    const { gate: door } = await gate("allowed_ips = 10.0.0.0/8");
    door.trustedFrom("192.0.2.1", 0);
    expect(door.admits("192.0.2.1", 1)).toBe("refused");
  });

  test("an address is forgotten when a thousand others have shown it since", async () => {
    const { gate: door } = await gate();
    for (let n = 0; n < 1000; n++) door.trustedFrom(`source ${n}`, 0);
    door.trustedFrom("source 0", 0);
    door.trustedFrom("one more", 0);
    const admission = (source: string) => {
      for (let n = 0; n < 12; n++) door.admits(source, 1);
      return door.admits(source, 1);
    };
    expect([admission("source 0"), admission("source 1")]).toEqual(["one-at-a-time", "refused"]);
  });
});
