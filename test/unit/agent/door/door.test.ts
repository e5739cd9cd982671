/** What the door does with each kind of visitor, and what is logged of it. */
import { afterEach, beforeAll, describe, expect, jest, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { Door } from "../../../../src/agent/door/door.ts";
import type { ConnectionClock } from "../../../../src/agent/http/connection-clock.ts";
import type { Visit } from "../../../../src/agent/http/visit.ts";
import type { Via } from "../../../../src/agent/links/kept-link.ts";
import { readAllowedIps } from "../../../../src/agent/state/allowed-ips.ts";
import type { AgentState } from "../../../../src/agent/state/state.ts";
import type { StateKeeper } from "../../../../src/agent/state/state-keeper.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { serialFromHex } from "../../../../src/core/serial.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { Authority } from "../../../support/authority.ts";
import { EventLog } from "../../../support/event-log.ts";

const DAY = 86_400_000;

let controller: X509Certificate;
let other: X509Certificate;
beforeAll(async () => {
  const ca = await Authority.create();
  controller = new X509Certificate((await ca.issue("ctrl-exec")).cert);
  other = new X509Certificate((await ca.issue("web-02")).cert);
});

/** One end of a connection, whose peer shows this in its handshake. */
class Visitor {
  closed = false;
  heard = true;
  isLocal = false;
  /** What it is given for its handshake. */
  limitMs = 0;
  wrote = "";
  readonly calls: string[] = [];
  readonly #listeners: (() => void)[] = [];

  constructor(
    readonly address: string,
    readonly shows: X509Certificate | string | Promise<X509Certificate> = other,
  ) {}

  async secureAsServer(_: unknown, limitMs: number): Promise<X509Certificate> {
    this.calls.push("handshake");
    this.limitMs = limitMs;
    if (typeof this.shows === "string") {
      this.#end();
      throw new ConnectionFailed(this.shows);
    }
    return await this.shows;
  }

  onClose(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async write(text: string): Promise<void> {
    this.wrote += text;
    this.calls.push(text.slice(0, text.indexOf("\r\n")));
  }

  async hangUp(): Promise<void> {
    this.calls.push("hang up");
  }

  reset(): void {
    this.calls.push("reset");
    this.#end();
  }

  close(): void {
    this.calls.push("close");
    this.#end();
  }

  #end(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.#listeners) listener();
  }
}

interface Wishes {
  readonly lines?: readonly string[];
  readonly cap?: number;
  readonly now?: Date;
  readonly revoked?: readonly X509Certificate[];
}

async function doorWith({ lines = [], cap = 10, now = new Date(), revoked = [] }: Wishes = {}) {
  const { config } = await parseAgentConfig("/etc/agent.conf", lines.join("\n"));
  const serials = new Set(revoked.map((one) => serialFromHex(one.serialNumber)));
  const judge = ({ serial }: { readonly serial: string }) => ({
    kind: serial === serialFromHex(controller.serialNumber) ? "trusted" : "stranger",
  });
  const state = {
    config,
    allowedIps: await readAllowedIps(config),
    trust: { identity: { credential: {} }, revoked: serials, controller: { judge } },
  } as unknown as AgentState;
  const log = new EventLog("ctrl-exec-agent");
  const visits: Visit[] = [];
  const idle = new Set<unknown>();
  const door = new Door({
    keeper: { state, current: () => state } as unknown as StateKeeper,
    log: log.log,
    now: () => now,
    cap,
    onVisit: (visit) => void visits.push(visit),
    isIdle: (connection) => idle.has(connection),
  });
  return {
    door,
    state,
    visits,
    idle,
    accept: (visitor: Visitor, via?: Via) => {
      return door.accept(visitor as unknown as Connection, via);
    },
    logged: () => log.events.map(({ action, fields }) => [action, fields] as const),
  };
}

afterEach(() => void jest.useRealTimers());

const never = new Promise<X509Certificate>(() => undefined);

test("a peer that has left already is let go, and neither counted nor named", async () => {
  const { accept, logged } = await doorWith({ cap: 0 });
  const gone = Array.from({ length: 20 }, () => new Visitor(""));
  for (const visitor of gone) await accept(visitor);
  expect(gone.map(({ calls }) => calls)).toEqual(Array(20).fill(["reset"]));
  expect(logged()).toEqual([]);
});

test("who may not come is refused before the handshake, and takes no room", async () => {
  const { accept, logged, visits } = await doorWith({
    lines: ["allowed_ips = 10.0.0.0/8"],
    cap: 1,
  });
  const [stranger, known] = [new Visitor("192.0.2.1"), new Visitor("10.0.0.1")];
  await accept(stranger);
  await accept(known);
  expect([stranger.calls, known.calls]).toEqual([["reset"], ["handshake"]]);
  expect(visits.map(({ caller }) => caller.ip)).toEqual(["10.0.0.1"]);
  expect(logged()).toEqual([["ip-block", { PEER: "192.0.2.1" }]]);
});

test("a visitor is handed on with its certificate, its address, and whether it is of this host", async () => {
  const { accept, visits } = await doorWith();
  const visitor = new Visitor("127.0.0.1");
  visitor.isLocal = true;
  await accept(visitor);
  const [visit] = visits;
  expect(visit?.caller).toMatchObject({ ip: "127.0.0.1", local: true });
  expect(visit?.caller.certificate.serial).toBe(serialFromHex(other.serialNumber));
  expect(visit?.connection).toBe(visitor as unknown as Connection);
  expect(visitor.limitMs).toBe(10_000);
  visit?.clock.stop();
});

describe("T43 through a hub", () => {
  const hub = "hub.example.com:7446";

  test("allowed_ips is applied to what the hub says of the caller, which the log marks", async () => {
    const { accept, logged, visits } = await doorWith({ lines: ["allowed_ips = 10.0.0.0/8"] });
    const [good, bad, own] = [1, 2, 3].map(() => new Visitor("203.0.113.9"));
    await accept(good as Visitor, { hub, caller: "10.0.0.1" });
    await accept(bad as Visitor, { hub, caller: "192.0.2.1" });
    // On the hub's own host: it has the hub's address, which is not allowed.
    await accept(own as Visitor, { hub, caller: undefined });
    expect([good?.calls, bad?.calls, own?.calls]).toEqual([["handshake"], ["reset"], ["reset"]]);
    expect(visits.map(({ caller }) => [caller.ip, caller.hub])).toEqual([["10.0.0.1", hub]]);
    expect(logged()).toEqual([
      ["ip-block", { PEER: "192.0.2.1", VIA: hub }],
      ["ip-block", { PEER: "203.0.113.9", VIA: hub }],
    ]);
    for (const { clock } of visits) clock.stop();
  });

  test("nobody is on this host, whatever both ends of the connection are", async () => {
    const { accept, visits } = await doorWith();
    const visitor = new Visitor("127.0.0.1");
    visitor.isLocal = true;
    await accept(visitor, { hub, caller: undefined });
    expect(visits[0]?.caller).toMatchObject({ ip: "127.0.0.1", hub, local: false });
    visits[0]?.clock.stop();
  });

  test("the limits count the hub's address, of which it cannot say another", async () => {
    const { accept, logged } = await doorWith({ lines: ["rate_limit_probe = 2/60/300"] });
    const visitors = [1, 2, 3, 4].map(() => new Visitor("203.0.113.9", "ERR_SSL_ALERT"));
    for (const [n, visitor] of visitors.entries()) {
      await accept(visitor, { hub, caller: `10.0.0.${n}` });
    }
    expect(visitors.at(-1)?.calls).toEqual(["reset"]);
    expect(logged().at(-1)).toEqual(["rate-block", { PEER: "203.0.113.9", REASON: "probe" }]);
    // Whoever has one of the addresses that it named is not kept out.
    const direct = new Visitor("10.0.0.0");
    await accept(direct);
    expect(direct.calls).toEqual(["handshake"]);
  });
});

describe("T19 beyond the cap", () => {
  test("the oldest stranger makes room, and that is logged", async () => {
    const { accept, visits, logged } = await doorWith({ cap: 2 });
    const visitors = [1, 2, 3].map((n) => new Visitor(`192.0.2.${n}`));
    for (const visitor of visitors) await accept(visitor);
    expect(visitors.map(({ closed }) => closed)).toEqual([true, false, false]);
    expect(logged()).toEqual([
      ["hang-up", { PEER: "192.0.2.1", REASON: "made room for another: 2 connections are open" }],
    ]);
    for (const { clock } of visits) clock.stop();
  });

  test("but not the control host with an answer under way: who comes then is refused", async () => {
    const { accept, idle, visits, logged } = await doorWith({ cap: 1 });
    const [busy, refused, welcome] = [
      new Visitor("192.0.2.1", controller),
      new Visitor("192.0.2.2"),
      new Visitor("192.0.2.3"),
    ];
    await accept(busy);
    await accept(refused);
    expect([busy.closed, refused.calls]).toEqual([false, ["reset"]]);
    expect(logged()).toEqual([
      ["accept-fatal", { PEER: "192.0.2.2", REASON: "1 connections are open" }],
    ]);
    idle.add(busy);
    await accept(welcome);
    expect([busy.closed, welcome.closed]).toEqual([true, false]);
    // Nobody was put out who is to be named.
    expect(logged()).toHaveLength(1);
    for (const { clock } of visits) clock.stop();
  });

  test("what has closed leaves its room", async () => {
    const { accept, visits, logged } = await doorWith({ cap: 1 });
    for (const n of [1, 2]) {
      const visitor = new Visitor(`192.0.2.${n}`);
      await accept(visitor);
      visitor.close();
    }
    expect(visits).toHaveLength(2);
    expect(logged()).toEqual([]);
  });
});

test("one that has left while it waited for its turn needs no handshake", async () => {
  const { accept, visits, logged } = await doorWith();
  const visitor = new Visitor("192.0.2.1");
  const accepted = Array.from({ length: 9 }, (_, n) => accept(new Visitor(`198.51.100.${n}`)));
  accepted.push(accept(visitor));
  visitor.close();
  await Promise.all(accepted);
  expect(visitor.calls).toEqual(["close"]);
  expect(visits).toHaveLength(9);
  expect(logged()).toEqual([]);
  for (const { clock } of visits) clock.stop();
});

describe("a handshake that fails", () => {
  test("is logged, and more than three of them block the address", async () => {
    const { accept, logged } = await doorWith();
    for (let count = 0; count < 4; count += 1) await accept(new Visitor("192.0.2.1", "EBAD"));
    const blocked = new Visitor("192.0.2.1");
    await accept(blocked);
    expect(blocked.calls).toEqual(["reset"]);
    expect(logged()).toEqual([
      ["tls-failure", { PEER: "192.0.2.1", REASON: "EBAD" }],
      ["rate-block", { PEER: "192.0.2.1", REASON: "probe" }],
    ]);
  });

  test("before a byte has come is a port check, and means nothing", async () => {
    const { accept, logged } = await doorWith();
    for (let count = 0; count < 5; count += 1) {
      const visitor = new Visitor("192.0.2.1", "ECONNRESET");
      visitor.heard = false;
      await accept(visitor);
    }
    expect(logged()).toEqual([]);
  });

  test("T02 so is one with a certificate that is out of its time by now", async () => {
    const { accept, visits, logged } = await doorWith({ now: new Date(Date.now() + 31 * DAY) });
    const late = new Visitor("192.0.2.1");
    await accept(late);
    expect([late.calls, visits]).toEqual([["handshake", "close"], []]);
    expect(logged()).toEqual([["tls-failure", { PEER: "192.0.2.1", REASON: "CERT_HAS_EXPIRED" }]]);
  });
});

test("T02 who shows a revoked certificate is told so, logged, and hung up on", async () => {
  const { accept, visits, logged } = await doorWith({ revoked: [other] });
  const visitor = new Visitor("192.0.2.1");
  await accept(visitor);
  expect(visitor.calls).toEqual(["handshake", "HTTP/1.1 403 Forbidden", "hang up"]);
  expect(visitor.wrote).toContain("\r\nConnection: close\r\n");
  expect(visits).toEqual([]);
  const SERIAL = serialFromHex(other.serialNumber);
  expect(logged()).toEqual([["revoked-cert", { PEER: "192.0.2.1", SERIAL }]]);
  visitor.close();
});

test("T21 the control host's connections do not count, and its address keeps one handshake at a time", async () => {
  const { accept, visits, logged } = await doorWith({
    lines: ["rate_limit_volume = 2/60/300"],
    cap: 100,
  });
  for (let count = 0; count < 5; count += 1) await accept(new Visitor("192.0.2.1", controller));
  expect(logged()).toEqual([]);
  // Others who share its address are too many.
  for (let count = 0; count < 3; count += 1) await accept(new Visitor("192.0.2.1"));
  expect(logged()).toEqual([["rate-block", { PEER: "192.0.2.1", REASON: "volume" }]]);
  const waiting = Array.from({ length: 18 }, () => new Visitor("192.0.2.1", never));
  for (const visitor of waiting) void accept(visitor);
  await new Promise(setImmediate);
  // One has the slot, 16 wait for it.
  const calls = waiting.map((visitor) => visitor.calls.join());
  expect(calls).toEqual(["handshake", ...Array(16).fill(""), "reset"]);
  // Others wait for it meanwhile, so that it has less time.
  expect(waiting[0]?.limitMs).toBe(3_000);
  for (const { clock } of visits) clock.stop();
});

test("a reload takes the new cap and forgets what was blocked; a stop closes all but what is kept", async () => {
  const { door, state, accept, visits } = await doorWith({ cap: 10 });
  for (let count = 0; count < 4; count += 1) await accept(new Visitor("192.0.2.1", "EBAD"));
  door.reset(state, 1);
  const [one, two] = [new Visitor("192.0.2.1"), new Visitor("192.0.2.2")];
  await accept(one);
  expect(one.calls).toEqual(["handshake"]);
  await accept(two);
  expect(one.closed).toBe(true);
  door.closeAll((connection) => connection === (two as unknown as Connection));
  expect(two.closed).toBe(false);
  door.closeAll();
  expect(two.closed).toBe(true);
  for (const { clock } of visits) clock.stop();
});

describe("T19 a visitor", () => {
  test.each<[string, (clock: ConnectionClock) => void, readonly string[]]>([
    ["asks nothing", () => undefined, ["no whole request came in time"]],
    ["takes no answer", (clock) => clock.answering(0), ["the answer was not taken in time"]],
    ["does not ask again", (clock) => clock.answered(), []],
  ])("that %s is hung up on, and logged if it owes something", async (_, talk, reasons) => {
    jest.useFakeTimers();
    const { accept, visits, logged } = await doorWith();
    const visitor = new Visitor("192.0.2.1");
    await accept(visitor);
    for (const { clock } of visits) talk(clock);
    jest.advanceTimersByTime(30_000);
    for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
    expect(visitor.calls).toEqual(["handshake", "close"]);
    const told = reasons.map((reason) => ({ PEER: "192.0.2.1", REASON: reason }));
    expect(logged()).toEqual(told.map((fields) => ["hang-up", fields]));
  });

  test.each([
    ["good", []],
    ["revoked", [1]],
  ])("with a certificate that is %s is waited for until it has left", async (_, revoked) => {
    jest.useFakeTimers();
    const { accept } = await doorWith({ revoked: revoked.map(() => other) });
    const visitor = new Visitor("192.0.2.1");
    await accept(visitor);
    expect(jest.getTimerCount()).toBe(1);
    visitor.close();
    expect(jest.getTimerCount()).toBe(0);
  });
});
