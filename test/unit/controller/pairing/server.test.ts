import { expect, spyOn, test } from "bun:test";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { approveRequest, denyRequest } from "../../../../src/controller/pairing/desk.ts";
import {
  listRequests,
  REQUEST_LIFETIME_MS,
  submitRequest,
} from "../../../../src/controller/pairing/queue.ts";
import { startPairingServer } from "../../../../src/controller/pairing/server.ts";
import { pairingShares } from "../../../../src/core/descriptor-shares.ts";
import { commitmentTo } from "../../../../src/core/wire/confirmation-code.ts";
import { descriptorLimit, workDescriptors } from "../../../../src/system/process/descriptors.ts";
import { until } from "../../../support/folder.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { PairingClient } from "../../../support/pairing-client.ts";
import {
  csrFor,
  NONCE,
  PairingStranger,
  pairingRequest,
} from "../../../support/pairing-stranger.ts";

const HERE = ["pairing_bind = 127.0.0.1", "pairing_port = 0"];
const EVENTS = {
  onRequest: () => undefined,
  onPushedOut: () => undefined,
  onDecided: () => undefined,
  onWithdrawn: () => undefined,
};

test("T21 peers that reset their connections, before TLS or after, end nothing else", async () => {
  await using fleet = await LocalFleet.create(HERE);
  const server = await startPairingServer(fleet.controller, EVENTS);
  const peers = [1, 2].map(() => connect({ host: "127.0.0.1", port: server.port }));
  const [first, second] = peers;
  const secure = connectTls({ ...(second && { socket: second }), rejectUnauthorized: false });
  await once(secure, "secureConnect");
  secure.on("error", () => undefined);
  // The first was accepted before the second.
  first?.write("\x16\x03\x01");
  for (const peer of peers) peer.resetAndDestroy();
  using client = new PairingClient(server.port);
  expect(await client.asks("/pair", { hostname: "web-01" })).toMatchObject({ status: "error" });
  await server.close();
});

test("T21 a peer that goes on sending while it waits is cut off, and the log has it", async () => {
  await using fleet = await LocalFleet.create(HERE);
  const server = await startPairingServer(fleet.controller, EVENTS);
  using peer = new PairingStranger(server.port, await pairingRequest("web-01"));
  expect(await peer.answered()).toMatchObject({ status: "pending" });
  peer.send("x".repeat(200_000));
  await peer.decided();
  expect(fleet.log.of("pair-reject")).toMatchObject([
    { level: "warning", fields: { IP: "127.0.0.1", REASON: "more bytes than a pairing needs" } },
  ]);
  await server.close();
});

test("a request that cannot be stored ends its own connection, and the log says why", async () => {
  await using fleet = await LocalFleet.create(HERE);
  const server = await startPairingServer(fleet.controller, EVENTS);
  const folder = fleet.folder.join("control/state/pairing");
  rmSync(folder, { recursive: true });
  fleet.folder.write("control/state/pairing", "in the way");
  using peer = new PairingStranger(server.port, await pairingRequest("web-01"));
  await peer.decided();
  expect(fleet.log.of("pair-reject")).toMatchObject([
    { level: "err", fields: { IP: "127.0.0.1", REASON: expect.stringContaining(folder) } },
  ]);
  rmSync(folder);
  mkdirSync(folder);
  using next = new PairingStranger(server.port, await pairingRequest("web-01"));
  expect(await next.answered()).toMatchObject({ status: "pending" });
  await server.close();
});

/** A pairing port, and what happens on it: `what host`. */
async function openPort(lines: readonly string[] = []) {
  const fleet = await LocalFleet.create([...HERE, ...lines]);
  const happened: string[] = [];
  const note = (what: string) => (request: { readonly hostname: string }) =>
    void happened.push(`${what} ${request.hostname}`);
  const server = await startPairingServer(fleet.controller, {
    onRequest: note("asks"),
    onPushedOut: note("is pushed out"),
    onDecided: note("is decided"),
    onWithdrawn: note("withdraws"),
  });
  const ask = async (hostname: string, from?: string) => {
    const peer = new PairingStranger(server.port, await pairingRequest(hostname), from);
    const { reqid = "" } = await peer.answered();
    return { peer, reqid };
  };
  const happens = (what: string) => until(what, () => happened.includes(what));
  const rejected = () => fleet.log.of("pair-reject").map(({ fields }) => fields.REASON);
  const dispose = async () => {
    await server.close();
    await fleet[Symbol.asyncDispose]();
  };
  return { fleet, server, ask, happened, happens, rejected, [Symbol.asyncDispose]: dispose };
}

test("a request waits until it is decided, and its agent is told how", async () => {
  await using port = await openPort();
  const { controller, log } = port.fleet;
  const [yes, no] = [await port.ask("web-01"), await port.ask("web-02")];
  expect(port.happened).toEqual(["asks web-01", "asks web-02"]);
  expect(log.of("pair-request")[0]?.fields).toEqual({
    AGENT: "web-01",
    CODE_COVERS: "request",
    IP: "127.0.0.1",
    REQID: yes.reqid,
    STATUS: "pending",
  });
  await approveRequest(controller, yes.reqid);
  expect(await yes.peer.decided()).toMatchObject({ status: "approved", nonce: NONCE });
  await denyRequest(controller, no.reqid);
  expect(await no.peer.decided()).toMatchObject({ status: "denied" });
  await port.happens("is decided web-01");
  await port.happens("is decided web-02");
  expect([port.happened.length, port.rejected()]).toEqual([4, []]);
});

test("an agent that leaves takes its request back", async () => {
  await using port = await openPort();
  const { peer } = await port.ask("web-01");
  peer[Symbol.dispose]();
  await port.happens("withdraws web-01");
  await until(
    "the queue is empty",
    async () => (await listRequests(port.fleet.controller)).length === 0,
  );
  expect(port.happened).toEqual(["asks web-01", "withdraws web-01"]);
});

test("a request that nobody decides in time is denied, and waits no more", async () => {
  await using port = await openPort();
  const { setTimeout: start } = globalThis;
  const sooner = (act: () => void, ms?: number) => start(act, ms === REQUEST_LIFETIME_MS ? 1 : ms);
  const clock = spyOn(globalThis, "setTimeout").mockImplementation(sooner as typeof setTimeout);
  try {
    using peer = new PairingStranger(port.server.port, await pairingRequest("web-01"));
    const reason = "approval timeout";
    expect(await peer.decided()).toMatchObject({ status: "denied", reason, nonce: NONCE });
    await port.happens("withdraws web-01");
  } finally {
    clock.mockRestore();
  }
  expect(await listRequests(port.fleet.controller)).toEqual([]);
});

test("what has to make room is told so, and what finds none too", async () => {
  await using port = await openPort(["pairing_max_queue = 1"]);
  const first = await port.ask("web-01", "127.1.1.1");
  const second = await port.ask("web-02", "127.2.2.2");
  expect(await first.peer.decided()).toMatchObject({
    status: "denied",
    reason: "pushed out of the full pairing queue by newer requests",
  });
  await port.happens("is pushed out web-01");
  await port.happens("is decided web-01");
  const third = await port.ask("web-03", "127.2.2.2");
  expect(await third.peer.decided()).toEqual({ status: "error", reason: "pairing queue full" });
  expect(port.rejected()).toEqual(["queue-full"]);
  expect(port.happened).not.toContain("asks web-03");
  second.peer[Symbol.dispose]();
});

test("what is not a request is refused and logged; a look at the port is not", async () => {
  await using port = await openPort();
  const { ask, server } = port;
  const invalid = { status: "error", reason: "invalid request" };
  expect(await (await ask("ctrl-exec")).peer.decided()).toEqual(invalid);
  const other = new PairingStranger(server.port, "GET / HTTP/1.1\r\n\r\n");
  expect(await other.decided()).toEqual(invalid);
  using looking = new PairingStranger(server.port, "");
  looking[Symbol.dispose]();
  using client = new PairingClient(server.port);
  await client.asks("/pair", {});
  expect(port.rejected()).toEqual([
    expect.stringContaining("own name"),
    "not a pairing request",
    "not a pairing request",
  ]);
  expect(port.happened).toEqual([]);
});

test("T07 who commits to a value and does not show it, or shows another, is not queued", async () => {
  await using port = await openPort();
  const csr = await csrFor("web-01");
  const [value, otherValue] = ["ab".repeat(32), "cd".repeat(32)];
  const body = { hostname: "web-01", csr, nonce: NONCE, commitment: commitmentTo(value, csr) };
  const shown: readonly ((reqid: string) => [path: string, revealed: object])[] = [
    (reqid) => ["/pair", { reqid, value }],
    (reqid) => ["/pair-reveal", { reqid, value: otherValue }],
    () => ["/pair-reveal", { reqid: "0123456789abcdef", value }],
    (reqid) => ["/pair-reveal", { reqid, value }],
  ];
  const answers: unknown[] = [];
  for (const reveal of shown) {
    using client = new PairingClient(port.server.port);
    const { reqid = "", value: theirs } = await client.asks("/pair", body);
    expect(theirs).toMatch(/^[0-9a-f]{64}$/);
    const [path, revealed] = reveal(reqid);
    const { status, reason = "" } = await client.asks(path, revealed);
    answers.push(`${status} ${reason}`);
  }
  expect(answers).toEqual([...Array(3).fill("error invalid request"), "pending "]);
  const other = "a value that is not the one it committed to";
  expect(port.rejected()).toEqual(["no value for the confirmation code", other, other]);
  const [request] = port.fleet.log.of("pair-request");
  expect(request?.fields.CODE_COVERS).toBe("both");
});

test("one port for a control host: it begins with an empty queue, and leaves one", async () => {
  await using fleet = await LocalFleet.create(HERE);
  const { controller } = fleet;
  const left = { hostname: "web-01", csr: await csrFor("web-01"), nonce: NONCE };
  await submitRequest(controller, left, "127.0.0.1");
  const server = await startPairingServer(controller, EVENTS);
  expect(await listRequests(controller)).toEqual([]);
  await expect(startPairingServer(controller, EVENTS)).rejects.toMatchObject({
    code: "busy",
    hint: expect.stringMatching(/list-requests --config \S+ and ctrl-exec approve <id> --config/),
  });
  expect(fleet.log.of("pairing-mode-start").map(({ fields }) => fields)).toEqual([
    { PORT: server.port },
  ]);
  using peer = new PairingStranger(server.port, await pairingRequest("web-02"));
  expect(await peer.answered()).toMatchObject({ status: "pending" });
  await server.close();
  await until("the connection is closed", () => peer.closed);
  expect(await listRequests(controller)).toEqual([]);
  expect(fleet.log.of("pairing-mode-stop")).toHaveLength(1);
  const gone = connect({ host: "127.0.0.1", port: server.port });
  const [refused] = await once(gone, "error");
  expect(refused).toMatchObject({ code: "ECONNREFUSED" });
});

test("a port that is taken is said, and holds up no later pairing-mode", async () => {
  await using fleet = await LocalFleet.create(HERE);
  const { controller } = fleet;
  const other = await startPairingServer(controller, EVENTS);
  const { config, store } = controller;
  const taken = { ...controller, config: { ...config, pairing_port: other.port } };
  // Of another control host on this machine.
  const pairing = Object.assign(Object.create(store.pairing), {
    openDesk: async () => ({ close: async () => void closed.push("desk") }),
    clear: async () => undefined,
  });
  const closed: string[] = [];
  await expect(
    startPairingServer({ ...taken, store: { ...store, pairing } }, EVENTS),
  ).rejects.toThrow("another program has that port");
  expect(closed).toEqual(["desk"]);
  await other.close();
  await (await startPairingServer(controller, EVENTS)).close();
});

test("T65 what its port does not need of the descriptors is for the connections to agents", async () => {
  await using fleet = await LocalFleet.create([...HERE, "pairing_max_queue = 100"]);
  const descriptors = workDescriptors();
  const before = descriptors.size;
  descriptors.resize(1);
  const server = await startPairingServer(fleet.controller, EVENTS);
  try {
    expect(descriptors.size).toBe(pairingShares(descriptorLimit(), 100).work);
  } finally {
    await server.close();
    descriptors.resize(before);
  }
});

test("T65 where there are few open files, fewer requests may wait, and the log says so", async () => {
  await using fleet = await LocalFleet.create([...HERE, "pairing_max_queue = 10"]);
  const { controller } = fleet;
  await (await startPairingServer(controller, EVENTS)).close();
  expect(fleet.log.of("config-warn")).toEqual([]);
  const pairing_max_queue = 10 * descriptorLimit();
  const config = { ...controller.config, pairing_max_queue };
  await (await startPairingServer({ ...controller, config }, EVENTS)).close();
  expect(fleet.log.of("config-warn").map(({ fields }) => fields)).toEqual([
    {
      KEY: "pairing_max_queue",
      MSG: expect.stringMatching(/^ulimit -n \d+ leaves room for \d+ requests$/),
    },
  ]);
});

test("T21 connections that have ended make room for others", async () => {
  await using port = await openPort(["pairing_max_queue = 1"]);
  // More than there may be at once.
  for (let count = 0; count < 40; count++) {
    const socket = connect({ host: "127.0.0.1", port: port.server.port });
    await once(socket, "connect");
    socket.destroy();
  }
  await until("there is room", async () => {
    const { peer, reqid } = await port.ask("web-01");
    peer[Symbol.dispose]();
    return reqid !== "";
  });
});

test("T21 one that leaves while its request is put into the queue waits no more", async () => {
  await using port = await openPort();
  const { controller } = port.fleet;
  const busy = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const exclusively = controller.store.exclusively(async () => {
    held.resolve();
    await busy.promise;
  });
  await held.promise;
  const peer = new PairingStranger(port.server.port, await pairingRequest("web-01"));
  // It has come before what others sent after it.
  using next = new PairingClient(port.server.port);
  expect(await next.asks("/pair", {})).toMatchObject({ status: "error" });
  peer[Symbol.dispose]();
  using last = new PairingClient(port.server.port);
  expect(await last.asks("/pair", {})).toMatchObject({ status: "error" });
  busy.resolve();
  await exclusively;
  await port.happens("withdraws web-01");
});

test("T21 nobody looks for an answer when the last of those who waited has left", async () => {
  const { setInterval: start } = globalThis;
  const looking = new Set<unknown>();
  const started = (act: () => void, ms?: number) => {
    const timer = start(act, ms);
    if (ms === 100) looking.add(timer);
    return timer;
  };
  const begin = spyOn(globalThis, "setInterval").mockImplementation(started as typeof setInterval);
  const { clearInterval: stop } = globalThis;
  const end = spyOn(globalThis, "clearInterval").mockImplementation((timer) => {
    looking.delete(timer);
    stop(timer as ReturnType<typeof setInterval>);
  });
  try {
    await using port = await openPort();
    const { peer } = await port.ask("web-01");
    expect(looking.size).toBe(1);
    peer[Symbol.dispose]();
    await port.happens("withdraws web-01");
    expect(looking.size).toBe(0);
  } finally {
    begin.mockRestore();
    end.mockRestore();
  }
});

/** Connections that send nothing. */
async function idle(port: number, count: number, localAddress = "127.0.0.1") {
  const sockets = Array.from({ length: count }, () =>
    connect({ host: "127.0.0.1", port, localAddress }),
  );
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  return sockets;
}

test("T21 a full port cuts off who has no place, or gives way, and nobody whose request waits", async () => {
  await using port = await openPort(["pairing_max_queue = 1"]);
  const { connections } = pairingShares(descriptorLimit(), 1);
  const { peer } = await port.ask("web-01", "127.1.1.1");
  const first = await idle(port.server.port, connections - 1, "127.1.1.1");
  const closed = (sockets: readonly Socket[]) =>
    Promise.race(sockets.map((socket) => once(socket.resume(), "close")));
  // Its network has all places already.
  await closed(await idle(port.server.port, 1, "127.1.1.1"));
  expect(first.filter(({ closed }) => closed)).toEqual([]);
  // Another one is given one, and it is not that of the request, which came first of all.
  const [other] = await idle(port.server.port, 1, "127.2.2.2");
  await closed(first);
  expect([peer.closed, other?.closed, port.happened]).toEqual([false, false, ["asks web-01"]]);
  for (const socket of [...first, other]) socket?.destroy();
});

test("an agent that sends no more has left, and what speaks no TLS is cut off", async () => {
  await using port = await openPort();
  const to = { host: "127.0.0.1", port: port.server.port };
  const half = connectTls(Object.assign({ rejectUnauthorized: false, allowHalfOpen: true }, to));
  half.write(await pairingRequest("web-01"));
  await once(half, "data");
  half.end();
  await port.happens("withdraws web-01");
  half.destroy();
  const plain = connect(to);
  plain.on("error", () => undefined);
  plain.write("GET / HTTP/1.1\r\n\r\n");
  await once(plain.resume(), "close");
});
