/** Who is let in at a hub, and what each may ask of it. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { HubFrame } from "../../../src/core/wire/hub-frames.ts";
import { type Hub, startHub } from "../../../src/hub/hub.ts";
import { dialHub, dialWithTicket } from "../../../src/system/net/dial-hub.ts";
import { HubLink } from "../../../src/system/net/hub-link.ts";
import { Authority, type HostCredential } from "../../support/authority.ts";
import { EventLog } from "../../support/event-log.ts";
import { until } from "../../support/folder.ts";

let ca: Authority;
let control: HostCredential;
let agent: HostCredential;
let hub: Hub;
let log: EventLog<"ctrl-exec">;
const revoked = new Set<string>();
const LIMITS = { strangers: 4, agents: 2, callers: 2, calls: 2 };

beforeAll(async () => {
  ca = await Authority.create();
  control = await ca.issue("ctrl-exec");
  agent = await ca.issue("web-01");
});
beforeEach(() => {
  hub?.close();
  revoked.clear();
  log = new EventLog("ctrl-exec");
  hub = startHub({
    bind: "127.0.0.1",
    port: 0,
    limits: LIMITS,
    credential: () => control,
    fingerprint: "",
    isRevoked: (serial) => revoked.has(serial),
    log: log.log,
    now: () => new Date(),
  });
});
afterAll(() => hub?.close());

const at = () => ({ host: "127.0.0.1", port: hub.port, pin: undefined });

class Peer {
  readonly frames: HubFrame[] = [];
  ended: string | undefined;
  #link: HubLink | undefined;

  static async come(credential: HostCredential): Promise<Peer> {
    const peer = new Peer();
    const { connection } = await dialHub(at(), credential, 5_000, undefined, () => undefined);
    const link = new HubLink(
      connection,
      (frame) => peer.frames.push(frame),
      (end, fault) => {
        peer.ended = fault?.code ?? end;
      },
    );
    peer.#link = link;
    return peer;
  }

  /** As an agent does. */
  static async agent(credential: HostCredential): Promise<Peer> {
    const peer = await Peer.come(credential);
    peer.send({ type: "H", listens: false, version: "1.1.0" });
    return peer;
  }

  send(frame: HubFrame): void {
    this.#link?.send(frame);
  }

  async hears<Type extends HubFrame["type"]>(type: Type) {
    await until(`it hears ${type}`, () => this.frames.some((frame) => frame.type === type));
    const found = this.frames.find((frame) => frame.type === type);
    return found as Extract<HubFrame, { readonly type: Type }>;
  }

  async leaves(): Promise<string | undefined> {
    await until("it is hung up on", () => this.ended !== undefined);
    return this.ended;
  }
}

const reasons = () => log.of("hub-refuse").map(({ fields }) => fields.REASON);

test("a control host is told who is there, and gets a ticket to call him", async () => {
  const [web, caller] = [await Peer.agent(agent), await Peer.come(control)];
  await web.hears("W");
  caller.send({ type: "Q", id: 1, host: "WEB-01" });
  expect(await caller.hears("A")).toMatchObject({ id: 1, listens: false });
  caller.send({ type: "O", id: 2, host: "web-01" });
  const { ticket: mine } = await caller.hears("G");
  const { ticket: its, caller: where } = await web.hears("T");
  // A caller on the hub's own host has whatever address the hub has for the agent.
  expect([mine === its, where]).toEqual([false, undefined]);
  const near = await dialWithTicket(at(), mine, 5_000, "client");
  const far = await dialWithTicket(at(), its, 5_000, "server");
  const [peer] = await Promise.all([
    near.secureAsClient(control, 5_000),
    far.secureAsServer(agent, 5_000),
  ]);
  expect(peer.subject).toContain("web-01");
  near.close();
  far.close();
});

test("T44 a ticket is for one seat: the agent's does not let it meet itself", async () => {
  const [web, caller] = [await Peer.agent(agent), await Peer.come(control)];
  await web.hears("W");
  caller.send({ type: "O", id: 1, host: "web-01" });
  const { ticket } = await web.hears("T");
  const first = await dialWithTicket(at(), ticket, 5_000, "server");
  const second = await dialWithTicket(at(), ticket, 5_000, "server");
  let closed = false;
  second.onClose(() => {
    closed = true;
  });
  second.read({ data: () => undefined, end: () => second.close(), closed: () => undefined });
  second.resume();
  await until("the second one is hung up on", () => closed);
  expect(first.closed).toBe(false);
  first.close();
});

test("T44 an agent asks for nothing: it is hung up on", async () => {
  const other = await Peer.agent(await ca.issue("web-02"));
  await other.hears("W");
  other.send({ type: "O", id: 1, host: "web-02" });
  expect(await other.leaves()).toBeDefined();
  expect(other.frames.map(({ type }) => type)).toEqual(["W"]);
  expect(log.of("hub-call")).toEqual([]);
});

test("T43 whoever is not of the CA is not let in, nor whoever is revoked", async () => {
  const foreign = await (await Authority.create()).issue("web-01");
  const peer = await Peer.agent({ ...foreign, ca: control.ca }).catch(() => undefined);
  if (peer !== undefined) await peer.leaves();
  revoked.add(agent.serial);
  const shut = await Peer.agent(agent);
  await shut.leaves();
  expect(shut.frames).toEqual([]);
  await until("both are told", () => reasons().length === 2);
  expect(reasons()[1]).toBe(`revoked certificate ${agent.serial}`);
  expect(hub.agents).toBe(0);
});

test("T02 whoever is revoked while connected is neither called nor answered", async () => {
  const [web, caller] = [await Peer.agent(agent), await Peer.come(control)];
  await web.hears("W");
  revoked.add(agent.serial);
  caller.send({ type: "O", id: 1, host: "web-01" });
  expect(await caller.hears("N")).toMatchObject({ error: "it is not connected" });
  await web.leaves();
  revoked.add(control.serial);
  caller.send({ type: "Q", id: 2, host: "web-01" });
  await caller.leaves();
});

test("a host that comes again takes the place of the connection that it had", async () => {
  const before = await Peer.agent(agent);
  await before.hears("W");
  const after = await Peer.agent(agent);
  await after.hears("W");
  expect(await before.hears("R")).toMatchObject({ error: "the same host has connected again" });
  await before.leaves();
  const caller = await Peer.come(control);
  caller.send({ type: "O", id: 1, host: "web-01" });
  await after.hears("T");
  expect([before.frames.some(({ type }) => type === "T"), hub.agents]).toEqual([false, 1]);
});

test("T19 there is room for so many, and no more", async () => {
  const all = await Promise.all(
    ["a", "b", "c"].map(async (name) => await Peer.agent(await ca.issue(name))),
  );
  await until("one is turned away", () => all.some(({ ended }) => ended !== undefined));
  const [away] = all.filter(({ ended }) => ended !== undefined);
  expect(away?.frames).toEqual([{ type: "R", error: "2 agents are connected" }]);
  const caller = await Peer.come(control);
  const [stays] = ["a", "b", "c"].filter((_, index) => all[index] !== away);
  for (const id of [1, 2, 3]) caller.send({ type: "O", id, host: stays ?? "" });
  expect(await caller.hears("N")).toEqual({ type: "N", id: 3, error: "2 agents are being called" });
});

function stranger(): Socket {
  // From another address than those who belong here.
  const from = { host: "127.0.0.1", localAddress: "127.0.1.1" };
  return connect({ ...from, port: hub.port }).on("error", () => undefined);
}

test("T19 strangers are few, and one that speaks no greeting costs no handshake", async () => {
  const rude = stranger();
  const closed = new Promise<void>((done) => rude.on("close", () => done()));
  rude.write("GET / HTTP/1.1\r\n\r\n");
  await closed;
  expect(reasons()).toEqual(["not the greeting of a hub's peer"]);
  const silent = Array.from({ length: 5 }, stranger);
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  const isOut = (socket: Socket) => socket.closed || socket.destroyed;
  for (const socket of silent) socket.resume();
  await until("one is turned away", () => silent.some(isOut));
  // Who belongs here finds room all the same.
  await (await Peer.agent(agent)).hears("W");
  for (const socket of silent) socket.destroy();
});

test("T43 a hub that goes on takes no bytes for frames that are none", async () => {
  const { connection } = await dialHub(at(), agent, 5_000, undefined, () => undefined);
  const closed = new Promise<void>((done) => connection.onClose(() => done()));
  connection.read({
    data: () => undefined,
    end: () => connection.close(),
    closed: () => undefined,
  });
  await connection.write(Buffer.from([0x48, 0xff, 0xff]));
  await closed;
  expect(hub.agents).toBe(0);
});
