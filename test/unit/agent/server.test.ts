/** A whole agent: who is let in, who makes room, and what becomes of it all when it stops. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AgentServer, startAgentServer } from "../../../src/agent/server.ts";
import { type AgentState, loadState } from "../../../src/agent/state/state.ts";
import type { AgentConfig } from "../../../src/core/config/agent-config.ts";
import { newRequestId } from "../../../src/core/request-id.ts";
import { addDays } from "../../../src/core/time.ts";
import { readCertificate } from "../../../src/pki/certificate.ts";
import { freePort } from "../../../src/system/net/free-port.ts";
import { EventLog } from "../../support/event-log.ts";
import { until } from "../../support/folder.ts";
import { type LocalAgent, LocalFleet } from "../../support/local-fleet.ts";
import {
  ask,
  exchange,
  get,
  type Identity,
  jsonOf,
  openTcp,
  openTls,
  post,
  statusOf,
} from "../../support/raw-agent.ts";

let fleet: LocalFleet;
let agent: LocalAgent;
let control: Identity;
let own: Identity;
beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
  await agent.stop();
  const read = ({ cert, key }: { cert: string; key: string }) => ({
    cert: readFileSync(cert, "utf8"),
    key: readFileSync(key, "utf8"),
  });
  control = read(fleet.controller.config);
  own = read(agent.config);
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

const LIMITED = {
  rate_limit_disable: false,
  rate_limit_volume: { limit: 100, window: 60, block: 300 },
  rate_limit_probe: { limit: 100, window: 60, block: 300 },
};

async function stateOf(change: Partial<AgentConfig> = {}): Promise<AgentState> {
  const config = { ...agent.config, port: freePort(), ...change };
  return await loadState(config, agent.path("scripts.conf"));
}

/** @param disturb is called before each event is logged */
async function serving(change: Partial<AgentConfig> = {}, disturb?: (event: string) => void) {
  const state = await stateOf(change);
  const log = new EventLog("ctrl-exec-agent");
  const server: AgentServer = await startAgentServer({
    state,
    log: (event) => {
      disturb?.(event.event);
      log.log(event);
    },
    now: () => new Date(),
  });
  const { port = 0 } = server;
  const ping = (identity = control) => ask(port, identity, post("/ping", {}));
  /** Ones that have shown nothing yet. */
  const strangers = async (count: number) => {
    const sockets = Array.from({ length: count }, () => openTcp(port).on("error", () => undefined));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    return sockets;
  };
  return { port, log, server, ping, strangers, state, [Symbol.asyncDispose]: () => server.close() };
}

const actions = ({ events }: EventLog<"ctrl-exec-agent">) => events.map(({ action }) => action);

test("it says where it listens, answers its control host, and nobody once it has stopped", async () => {
  const it = await serving();
  expect(it.log.events).toEqual([{ level: "info", action: "start", fields: { PORT: it.port } }]);
  expect(jsonOf(await it.ping())).toMatchObject({ status: "ok" });
  const idle = openTls(it.port, control);
  expect(statusOf(await exchange(idle, post("/ping", {})))).toBe(200);
  const [stranger] = await it.strangers(1);
  const closed = [idle, stranger].map((socket) => socket && once(socket, "close"));
  await it.server.close();
  await Promise.all(closed);
  expect(await it.ping()).toMatchObject({ failed: "ECONNREFUSED" });
  // Nobody waited for them.
  expect(it.log.of("hang-up")).toEqual([]);
});

test("one that is answering when it stops gets its answer", async () => {
  const it = await serving();
  const script = fleet.folder.script(
    "slow.sh",
    "while [ ! -e $1 ]; do sleep 0.01; done; echo done",
  );
  const end = fleet.folder.join("slow-end");
  fleet.folder.write("slow.conf", `slow = ${script}\n`);
  const state = await loadState(it.state.config, fleet.folder.join("slow.conf"));
  it.server.replaceState(state);
  const reqid = newRequestId();
  const running = ask(it.port, control, post("/run", { script: "slow", args: [end], reqid }));
  await until("it runs", () => actions(it.log).includes("run-start"));
  expect(jsonOf(await ask(it.port, control, get("/runs")))).toMatchObject({ runs: [{ reqid }] });
  const closing = it.server.close();
  fleet.folder.write("slow-end", "");
  expect(jsonOf(await running)).toMatchObject({ exit: 0, stdout: "done\n" });
  await closing;
});

test("it says if it may open fewer connections than it is configured for", async () => {
  await using it = await serving({ max_connections: 10 ** 9 });
  const warning = it.log.of("config-warn");
  expect(warning).toHaveLength(1);
  expect(warning[0]?.fields).toMatchObject({
    KEY: "max_connections",
    MSG: expect.stringMatching(/^ulimit -n \d+ leaves room for \d+ connections$/),
  });
  it.server.replaceState(await stateOf({ port: it.port }));
  expect(it.log.of("config-warn")).toHaveLength(1);
});

describe("who is not let in", () => {
  test("an address that is not allowed, before any byte of TLS", async () => {
    await using it = await serving({ allowed_ips: ["192.0.2.1"] });
    expect(statusOf(await it.ping())).toBe(0);
    expect(actions(it.log)).toEqual(["start", "ip-block"]);
    it.server.replaceState(await stateOf({ port: it.port, allowed_ips: ["127.0.0.0/8"] }));
    expect(statusOf(await it.ping())).toBe(200);
  });

  test("T21 an address whose handshakes fail, logged once, until the limits start afresh", async () => {
    const probe = { limit: 1, window: 60, block: 300 };
    await using it = await serving({ ...LIMITED, rate_limit_probe: probe });
    for (const _ of [1, 2, 3]) expect(statusOf(await it.ping({}))).toBe(0);
    await until("it is blocked", () => actions(it.log).includes("rate-block"));
    expect(it.log.of("tls-failure")).toHaveLength(1);
    expect(it.log.of("rate-block").map(({ fields }) => fields)).toEqual([
      { PEER: "127.0.0.1", REASON: "probe" },
    ]);
    expect(statusOf(await it.ping())).toBe(0);
    it.server.replaceState(await stateOf({ port: it.port, ...LIMITED }));
    expect(statusOf(await it.ping())).toBe(200);
  });

  test("T21 an address that comes too often, except one that has shown the control host's serial", async () => {
    const volume = { limit: 3, window: 60, block: 300 };
    await using it = await serving({ ...LIMITED, rate_limit_volume: volume });
    // The control host does not count.
    for (let count = 0; count < 6; count++) expect(statusOf(await it.ping())).toBe(200);
    const sockets = await it.strangers(6);
    await until("it is blocked", () => actions(it.log).includes("rate-block"));
    // Those that wait for the slot of their address have left.
    for (const socket of sockets) socket.destroy();
    expect(statusOf(await it.ping())).toBe(200);
    expect(it.log.of("rate-block")[0]?.fields).toMatchObject({ REASON: "volume" });
  });

  test("T21 no more wait for the one slot of a blocked address than there is room in its line", async () => {
    const volume = { limit: 3, window: 60, block: 300 };
    await using it = await serving({ ...LIMITED, rate_limit_volume: volume });
    expect(statusOf(await it.ping())).toBe(200);
    let gone = 0;
    // 3 are admitted, one has the slot, and 16 wait for it.
    const sockets = await it.strangers(3 + 17 + 5);
    for (const socket of sockets) {
      socket.resume().once("close", () => {
        gone += 1;
      });
    }
    await until("the others are refused", () => gone === 5);
    await Bun.sleep(20);
    expect(gone).toBe(5);
    for (const socket of sockets) socket.destroy();
  });

  test("a caller whose certificate was revoked is told, and logged once a minute", async () => {
    const { serial } = (await stateOf()).trust.identity.certificate;
    const revoked = fleet.folder.write("revoked-own", `${serial}\n`);
    await using it = await serving({ revoked_serials: revoked });
    for (const _ of [1, 2]) {
      const told = await it.ping(own);
      expect([statusOf(told), jsonOf(told)]).toEqual([403, { error: "certificate revoked" }]);
    }
    expect(it.log.of("revoked-cert").map(({ fields }) => fields)).toEqual([
      { PEER: "127.0.0.1", SERIAL: serial },
    ]);
    expect(statusOf(await it.ping())).toBe(200);
  });

  test("T02 a certificate whose time is over by this host's clock, or has not come", async () => {
    const { notAfter, notBefore } = readCertificate(control.cert ?? "", "it");
    const said = async (now: Date) => {
      const state = await stateOf();
      const log = new EventLog("ctrl-exec-agent");
      const server = await startAgentServer({ state, log: log.log, now: () => now });
      const status = statusOf(await ask(server.port ?? 0, control, post("/ping", {})));
      await server.close();
      return [status, log.of("tls-failure").map(({ fields }) => fields.REASON)];
    };
    expect(await said(notAfter)).toEqual([200, []]);
    expect(await said(addDays(notAfter, 1))).toEqual([0, ["CERT_HAS_EXPIRED"]]);
    expect(await said(addDays(notBefore, -1))).toEqual([0, ["CERT_NOT_YET_VALID"]]);
  });

  test("one that has left before it said anything is not an attempt", async () => {
    await using it = await serving();
    const [socket] = await it.strangers(1);
    socket?.end();
    await it.ping();
    expect(actions(it.log)).toEqual(["start", "ping"]);
  });
});

describe("T19 when all connections are taken", () => {
  test("the oldest stranger makes room, and is logged", async () => {
    await using it = await serving({ max_connections: 2 });
    const [oldest, other] = await it.strangers(2);
    if (oldest === undefined || other === undefined) throw new Error("no strangers");
    const closed = once(oldest, "close");
    expect(statusOf(await it.ping())).toBe(200);
    await closed;
    expect(it.log.of("hang-up")[0]?.fields).toEqual({
      PEER: "127.0.0.1",
      REASON: "made room for another: 2 connections are open",
    });
    expect(other.closed).toBe(false);
    other.destroy();
  });

  test("what goes wrong while a connection is let in is logged, and closes it alone", async () => {
    await using it = await serving({ max_connections: 1 }, (event) => {
      if (event === "hang-up") throw new Error("no room for a line");
    });
    const [, second] = await it.strangers(2);
    await until("it is closed", () => second?.closed === true);
    expect(it.log.of("accept-fatal")).toEqual([
      {
        level: "err",
        action: "accept-fatal",
        fields: { PEER: "127.0.0.1", REASON: "no room for a line" },
      },
    ]);
    expect(statusOf(await it.ping())).toBe(200);
  });

  test("the control host's make room between two requests only", async () => {
    await using it = await serving({ max_connections: 1 });
    const script = fleet.folder.script("held.sh", "while [ ! -e $1 ]; do sleep 0.01; done");
    const end = fleet.folder.join("held-end");
    fleet.folder.write("held.conf", `held = ${script}\n`);
    it.server.replaceState(await loadState(it.state.config, fleet.folder.join("held.conf")));
    const busy = openTls(it.port, control);
    const answer = exchange(
      busy,
      post("/run", { script: "held", args: [end], reqid: newRequestId() }),
    );
    await until("it runs", () => actions(it.log).includes("run-start"));
    expect(statusOf(await it.ping())).toBe(0);
    expect(it.log.of("accept-fatal")[0]?.fields).toEqual({
      PEER: "127.0.0.1",
      REASON: "1 connections are open",
    });
    fleet.folder.write("held-end", "");
    expect(statusOf(await answer)).toBe(200);
    expect(statusOf(await it.ping())).toBe(200);
    busy.destroy();
    // More are let in once the configuration allows them.
    it.server.replaceState(await stateOf({ port: it.port, max_connections: 10 }));
    const sockets = await it.strangers(3);
    expect(statusOf(await it.ping())).toBe(200);
    expect(sockets.some(({ closed }) => closed)).toBe(false);
    for (const socket of sockets) socket.destroy();
  });
});
