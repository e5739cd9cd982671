import { describe, expect, test } from "bun:test";
import { readAllowedIps } from "../../../src/agent/door/allowed-ips.ts";
import { Gate } from "../../../src/agent/door/gate.ts";
import { parseAgentConfig } from "../../../src/core/agent-config.ts";
import type { LogFields } from "../../../src/core/log-line.ts";

async function gate(...lines: readonly string[]) {
  const { config } = await parseAgentConfig("/etc/agent.conf", lines.join("\n"));
  const logged: (readonly [string, LogFields])[] = [];
  const log = (_: string, action: string, fields: LogFields = {}) => {
    logged.push([action, JSON.parse(JSON.stringify(fields))]);
  };
  return { gate: new Gate(config, (await readAllowedIps(config)).list, log), logged };
}

describe("allowed_ips", () => {
  test("who is not on the list is kept out, and logged once a minute with a count", async () => {
    const { gate: door, logged } = await gate("allowed_ips = 10.0.0.0/8");
    expect(door.admits("10.1.2.3", 0)).toBe(true);
    for (const at of [0, 10, 59_999]) expect(door.admits("192.0.2.1", at)).toBe(false);
    expect(door.admits("192.0.2.1", 60_000)).toBe(false);
    expect(door.admits("192.0.2.2", 60_001)).toBe(false);
    expect(logged).toEqual([
      ["ip-block", { PEER: "192.0.2.1" }],
      ["ip-block", { PEER: "192.0.2.1", COUNT: 3 }],
      ["ip-block", { PEER: "192.0.2.2" }],
    ]);
  });

  test("comes before the limits: who is kept out costs no source", async () => {
    const { gate: door, logged } = await gate("allowed_ips = 10.0.0.1");
    for (let n = 0; n < 2000; n++) door.admits(`192.0.2.${n}`, 0);
    expect(logged.filter(([action]) => action === "rate-evict")).toEqual([]);
  });

  test("nobody's address is nobody's", async () => {
    const { gate: door } = await gate("allowed_ips = 0.0.0.0/0");
    expect(door.admits("", 0)).toBe(false);
  });
});

describe("rate limits", () => {
  test("the defaults are the manual's: ten connections a minute", async () => {
    const { gate: door, logged } = await gate();
    const passed = Array.from({ length: 13 }, (_, n) => door.admits("a", n));
    expect(passed).toEqual([...Array(10).fill(true), false, false, false]);
    expect(door.admits("a", 10 + 299_999)).toBe(false);
    expect(door.admits("a", 10 + 300_000)).toBe(true);
    expect(logged).toEqual([["rate-block", { PEER: "a", REASON: "volume" }]]);
  });

  test("and three failed handshakes in ten minutes", async () => {
    const { gate: door, logged } = await gate();
    for (let n = 0; n < 4; n++) door.handshakeFailed("a", n * 1000);
    expect(door.admits("a", 4000)).toBe(false);
    expect(door.admits("a", 3000 + 3_600_000)).toBe(true);
    expect(logged).toEqual([["rate-block", { PEER: "a", REASON: "probe" }]]);
  });

  test("rate_limit_disable", async () => {
    const { gate: door, logged } = await gate("rate_limit_disable = 1");
    for (let n = 0; n < 100; n++) door.handshakeFailed("a", n);
    for (let n = 0; n < 100; n++) expect(door.admits("a", n)).toBe(true);
    expect(logged).toEqual([]);
  });

  test.each([
    ["count", false],
    ["exempt", true],
  ])("rate_limit_trusted = %s", async (word, passes) => {
    const { gate: door } = await gate(`rate_limit_trusted = ${word}`);
    door.trustedFrom("a");
    for (let n = 0; n < 50; n++) door.admits("a", n);
    for (let n = 0; n < 50; n++) door.handshakeFailed("a", n);
    expect(door.admits("a", 51)).toBe(passes);
    expect(door.admits("b", 51)).toBe(true);
  });

  test("T21 who was exempt is forgotten when a thousand others were", async () => {
    const { gate: door } = await gate("rate_limit_trusted = exempt");
    for (let n = 0; n < 1001; n++) door.trustedFrom(`source ${n}`);
    const passes = (source: string) =>
      Array.from({ length: 12 }, () => door.admits(source, 0)).every((passed) => passed);
    expect(passes("source 0")).toBe(false);
    expect(passes("source 1")).toBe(true);
  });

  test("T21 evictions are one line a minute with their count", async () => {
    const { gate: door, logged } = await gate();
    for (let n = 0; n < 1500; n++) door.admits(`source ${n}`, 0);
    expect(logged).toEqual([["rate-evict", { COUNT: 1 }]]);
  });

  test("T21 a host cannot evade them with the addresses of its /64", async () => {
    const { gate: door, logged } = await gate();
    const passed = Array.from({ length: 12 }, (_, n) => door.admits(`2001:db8:0:7::${n}`, n));
    expect(passed).toEqual([...Array(10).fill(true), false, false]);
    for (let n = 0; n < 4; n++) door.handshakeFailed(`2001:db8::${n}`, 100);
    expect(door.admits("2001:db8::ffff:1", 101)).toBe(false);
    expect(door.admits("2001:db8:0:8::1", 101)).toBe(true);
    expect(logged).toEqual([
      ["rate-block", { PEER: "2001:db8:0:7::10", REASON: "volume" }],
      ["rate-block", { PEER: "2001:db8::3", REASON: "probe" }],
    ]);
  });

  test("T21 nor fill the log with them", async () => {
    const { gate: door, logged } = await gate("allowed_ips = 10.0.0.0/8");
    for (let n = 0; n < 2000; n++) door.admits(`2001:db8::${n.toString(16)}`, n);
    expect(logged).toEqual([["ip-block", { PEER: "2001:db8::0" }]]);
  });

  test("a neighbour of the control host is not exempt with it", async () => {
    const { gate: door } = await gate("rate_limit_trusted = exempt");
    door.trustedFrom("2001:db8::1");
    for (let n = 0; n < 50; n++) door.admits("2001:db8::2", n);
    expect(door.admits("2001:db8::2", 51)).toBe(false);
    expect(door.admits("2001:db8::1", 51)).toBe(true);
  });

  test("T21 who comes in again is the last to be forgotten", async () => {
    const { gate: door } = await gate("rate_limit_trusted = exempt");
    for (let n = 0; n < 1000; n++) door.trustedFrom(`source ${n}`);
    door.trustedFrom("source 0");
    door.trustedFrom("one more");
    const passes = (source: string) =>
      Array.from({ length: 12 }, () => door.admits(source, 0)).every((passed) => passed);
    expect([passes("source 0"), passes("source 1")]).toEqual([true, false]);
  });
});
