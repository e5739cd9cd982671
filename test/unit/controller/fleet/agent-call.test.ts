/** One request to one agent, over a connection of its own or one that is kept. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AgentRequest } from "../../../../src/controller/fleet/agent-request.ts";
import { askAgent } from "../../../../src/controller/fleet/ask-agent.ts";
import type { Dialler } from "../../../../src/controller/fleet/dialler.ts";
import { AgentPool } from "../../../../src/controller/fleet/pool.ts";
import { type ResolvedTarget, targetOf } from "../../../../src/controller/fleet/targets.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import { Semaphore } from "../../../../src/core/semaphore.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { listen } from "../../../../src/system/net/listen.ts";
import { Authority, type HostCredential } from "../../../support/authority.ts";
import { TestFolder } from "../../../support/folder.ts";
import { startSServer } from "../../../support/openssl-peers.ts";
import {
  diallerOf,
  hangUp,
  kept,
  last,
  PlayedAgent,
  saysNothing,
} from "../../../support/played-agent.ts";

let ca: Authority;
let credential: HostCredential;
let web: HostCredential;
beforeAll(async () => {
  ca = await Authority.create();
  [credential, web] = await Promise.all([ca.issue("ctrl-exec"), ca.issue("web-01")]);
});

let agent: PlayedAgent;
let dialler: Dialler;
let pool: AgentPool;
beforeEach(async () => {
  agent = await PlayedAgent.start(web);
  const { credentials, ...shared } = await diallerOf(credential);
  dialler = { ...shared, ...credentials[0] };
  pool = new AgentPool(60_000);
});
afterEach(() => {
  pool.close();
  agent[Symbol.dispose]();
});

const RUN: AgentRequest = { method: "POST", path: "/run", body: { script: "s" }, reply: "output" };
const PING: AgentRequest = { method: "POST", path: "/ping", reply: "words", idempotent: true };

const record = { hostname: "web-01", ip: "127.0.0.1", lookup_by: "ip" } as AgentRecord;
const address = () => targetOf("127.0.0.1", undefined, agent.port);
const registered = (hostname = "web-01") =>
  targetOf(hostname, { kind: "agent", record: { ...record, hostname } }, agent.port);

async function refusal(from: Dialler, request = RUN, target = address()) {
  const { code, message, hint } = await askAgent(from, target, request).then(
    () => expect.unreachable("it was answered"),
    asCtrlExecError,
  );
  return { code, message, hint };
}

/** What is noted of a run that is on its way. */
function noting(may = true) {
  const noted: string[] = [];
  const note =
    (what: string) =>
    ({ label }: ResolvedTarget) => {
      noted.push(`${what} ${label}`);
      return may;
    };
  const sending = {
    mayBeSent: note("sent"),
    turnedAway: note("turned away"),
    ended: note("ended"),
  };
  return { noted, sending };
}

describe("a request", () => {
  test("is sent as JSON, or without a body, and its answer is read", async () => {
    agent.answers = [last({ a: 1 }), last({ b: 2 }, "403 Forbidden")];
    expect(await askAgent(dialler, address(), RUN)).toMatchObject({ status: 200, json: { a: 1 } });
    expect(await askAgent(dialler, address(), PING)).toMatchObject({ status: 403 });
    expect(agent.asked.map(({ what, body }) => [what, body])).toEqual([
      ["POST /run", '{"script":"s"}'],
      ["POST /ping", ""],
    ]);
    expect(agent.asked[0]?.head).toContain(`Host: 127.0.0.1:${agent.port}`);
    // Nobody keeps the connection.
    expect(agent.connections).toBe(2);
  });

  test("tells of the address that is called, and of none that is a name", async () => {
    agent.answers = Array.from({ length: 6 }, () => kept({}));
    const called = async (from: Dialler, target = address()) => {
      const peers: string[] = [];
      await askAgent(from, target, PING, (peer) => peers.push(peer));
      return new Set(peers);
    };
    const here = new Set(["127.0.0.1"]);
    expect(await called(dialler)).toEqual(here);
    const byName = targetOf("localhost", undefined, agent.port);
    expect(await called(dialler, byName)).toEqual(here);
    const pooled = { ...dialler, pool };
    for (const target of [address(), byName]) {
      expect(await called(pooled, target)).toEqual(here);
      // Also over a connection that there was.
      const { connections } = agent;
      expect(await called(pooled, target)).toEqual(here);
      expect(agent.connections).toBe(connections);
    }
  });

  test("tells what the handshake with a registered host has shown", async () => {
    agent.answers = [kept({}), kept({}), last({}), last({})];
    const pooled = { ...dialler, pool };
    const { shown } = await askAgent(pooled, registered(), PING);
    expect(shown).toMatchObject({ serial: web.serial, address: "127.0.0.1", port: agent.port });
    expect(shown?.notAfter.getTime()).toBeGreaterThan(Date.now());
    // Nothing new: the connection was there.
    expect((await askAgent(pooled, registered(), PING)).shown).toBeUndefined();
    expect((await askAgent(dialler, address(), PING)).shown).toBeUndefined();
    const lax = { ...dialler, config: { ...dialler.config, verify_agent_identity: "ca" as const } };
    expect((await askAgent(lax, registered("db-01"), PING)).shown).toBeUndefined();
  });

  test("T05 is not sent to another host, or to one that is revoked", async () => {
    const other = { ...registered("db-01"), port: agent.port };
    expect(await refusal(dialler, RUN, other)).toEqual({
      code: "untrusted",
      message: "db-01 answered with the certificate of web-01: refused",
      hint: expect.stringContaining("db-01 is registered with port 7443"),
    });
    const wary = { ...dialler, revoked: new Set([web.serial]) };
    expect((await refusal(wary)).message).toContain("the revoked certificate of web-01");
    expect(agent.asked).toEqual([]);
  });

  test("is not sent when it may not be sent any more", async () => {
    const { noted, sending } = noting(false);
    expect(await refusal({ ...dialler, sending })).toMatchObject({
      code: "unreachable",
      message: expect.stringContaining("the run was stopped before this host was asked"),
    });
    expect([noted, agent.asked]).toEqual([["sent 127.0.0.1"], []]);
  });

  test("that an agent turns away by its certificate has not run", async () => {
    const strangers = await Authority.create({ name: "another CA" });
    using folder = new TestFolder();
    const file = (name: string, text: string) => folder.write(name, text, 0o600);
    const own = ["-cert", file("a.crt", web.cert), "-key", file("a.key", web.key)];
    const strict = ["-Verify", "1", "-verify_return_error", "-CAfile"];
    const port = freePort();
    await using _peer = await startSServer(port, [
      ...own,
      ...strict,
      file("ca.crt", strangers.ca.pem),
    ]);
    const { noted, sending } = noting();
    const target = targetOf("127.0.0.1", undefined, port);
    expect((await refusal({ ...dialler, sending }, RUN, target)).message).toContain("certificate");
    expect(noted.at(-1)).toBe("turned away 127.0.0.1");
  });

  test("that nobody listens to is explained, and was not sent", async () => {
    const { noted, sending } = noting();
    const target = address();
    agent[Symbol.dispose]();
    expect((await refusal({ ...dialler, sending }, RUN, target)).message).toBe(
      `connection refused by 127.0.0.1:${target.port}: no agent is listening there`,
    );
    expect(noted).toEqual([]);
  });

  test("that is not answered has its time, however it is asked", async () => {
    agent.answers = [saysNothing, kept({}), saysNothing];
    const quick = { ...dialler, config: { ...dialler.config, read_timeout: 0.1 } };
    const late = { code: "timeout", message: "read timeout after 0.1s" };
    const closed: Promise<unknown>[] = [];
    agent.onConnection = (socket) => void closed.push(once(socket, "close"));
    expect(await refusal(quick)).toMatchObject(late);
    await askAgent({ ...dialler, pool }, address(), PING);
    // The agent may be at work: it is not asked once more.
    expect(await refusal({ ...quick, pool }, PING)).toMatchObject(late);
    expect(agent.asked).toHaveLength(3);
    // Nobody waits for what comes late.
    await Promise.all(closed);
  });

  test("T23 that waits for a slot has its time too, and is not sent behind it", async () => {
    agent.answers = [kept({}), hangUp, kept({}), kept({})];
    const handshakes = new Semaphore(1);
    const busy = { ...dialler, pool, handshakes };
    const quick = { ...busy, config: { ...dialler.config, read_timeout: 0.1 } };
    await askAgent(busy, address(), PING);
    const release = await handshakes.acquire();
    // The agent has hung up: its request is on its way anew.
    expect(await refusal(quick, PING)).toMatchObject({ code: "timeout" });
    release();
    await askAgent({ ...dialler, handshakes }, address(), PING);
    expect(agent.asked).toHaveLength(3);
  });

  test("that was answered in time does not end its connection later", async () => {
    agent.answers = [kept({}), kept({}), hangUp, kept({}), kept({}), kept({})];
    const quick = { ...dialler, pool, config: { ...dialler.config, read_timeout: 0.4 } };
    // A connection of its own; it is asked for twice, since the kept one had gone.
    const again = { ...quick, serial: "02" };
    for (const from of [quick, again, again]) await askAgent(from, address(), PING);
    expect(agent.connections).toBe(3);
    await Bun.sleep(500);
    for (const from of [quick, again]) await askAgent(from, address(), PING);
    expect(agent.connections).toBe(3);
  });

  test("whose answer is not JSON names the host", async () => {
    agent.answers = [last("<p>")];
    const { code, message } = await refusal(dialler);
    expect(code).toBe("protocol");
    expect(message).toStartWith("127.0.0.1 ");
  });
});

describe("a connection that is kept", () => {
  test("is used again for the same host under the same certificate of this one", async () => {
    agent.answers = Array.from({ length: 5 }, () => kept({}));
    const pooled = { ...dialler, pool };
    for (const from of [pooled, pooled, { ...pooled, serial: "02" }]) {
      await askAgent(from, address(), PING);
    }
    expect(agent.connections).toBe(2);
    await askAgent(pooled, registered(), PING);
    expect(agent.connections).toBe(3);
    await askAgent(pooled, registered(), PING);
    expect(agent.connections).toBe(3);
  });

  test("is made again when the agent has hung up: what is harmless is asked twice, a run is not", async () => {
    const pooled = { ...dialler, pool };
    agent.answers = [kept({}), hangUp, kept({ second: true })];
    await askAgent(pooled, address(), PING);
    expect((await askAgent(pooled, address(), PING)).json).toEqual({ second: true });
    expect([agent.asked.length, agent.connections]).toEqual([3, 2]);
    agent.answers = [hangUp, kept({})];
    await expect(askAgent(pooled, address(), RUN)).rejects.toThrow("closed");
    expect(agent.asked).toHaveLength(4);
  });

  test("is not kept when the agent says that it closes it", async () => {
    agent.answers = [last({}), kept({})];
    for (let time = 0; time < 2; time++) await askAgent({ ...dialler, pool }, address(), PING);
    expect(agent.connections).toBe(2);
  });
});

describe("T29 an answer that is too long", () => {
  const long = (bytes: number) => ({ exit: 0, stdout: "x".repeat(bytes), stderr: "" });
  const limited = (max_reply: number, max_replies = 2 ** 20): Dialler => ({
    ...dialler,
    config: { ...dialler.config, max_reply, max_replies },
    budget: new ReplyBudget(max_replies),
  });

  test("is dropped, and says that the script has run", async () => {
    const { noted, sending } = noting();
    agent.answers = [last(long(300_000))];
    expect(await refusal({ ...limited(102_400), sending })).toEqual({
      code: "too-large",
      message: "the answer of 127.0.0.1 to /run was dropped: it is larger than 100 KiB",
      hint: expect.stringMatching(
        /^The script has run\. max_reply in ctrl-exec\.conf sets the limit/,
      ),
    });
    expect(noted).toEqual(["sent 127.0.0.1", "ended 127.0.0.1"]);
  });

  test("says nothing of the script if it is a refusal, or short", async () => {
    for (const answer of [last(long(300_000), "403 Forbidden"), last(long(25_000))]) {
      const { noted, sending } = noting();
      agent.answers = [answer];
      const { hint } = await refusal({ ...limited(30_000), sending });
      expect(hint).toStartWith("max_reply in ctrl-exec.conf");
      expect(noted).toEqual(["sent 127.0.0.1"]);
    }
  });

  test("leaves room for others' answers", async () => {
    agent.answers = [last(long(300_000))];
    expect(await refusal(limited(2 ** 30, 102_400))).toEqual({
      code: "too-large",
      message:
        "the answer of 127.0.0.1 to /run was dropped: it leaves too little of 100 KiB for the answers of other hosts",
      hint: "The script has run. max_replies in ctrl-exec.conf sets the limit.",
    });
  });

  test("is no agent's where a few words are expected, and max_reply is not for those", async () => {
    const { noted, sending } = noting();
    agent.answers = [last(long(10_000)), last(long(2 ** 20))];
    await askAgent({ ...limited(100), sending }, address(), PING);
    expect((await refusal({ ...dialler, sending }, PING)).hint).toBe(
      "No agent answers like that: see what is running there.",
    );
    expect(noted).toEqual(["sent 127.0.0.1", "sent 127.0.0.1"]);
  });
});

describe("handshakes under way are limited", () => {
  test("one that is done makes room at once", async () => {
    agent.answers = [last({})];
    const handshakes = new Semaphore(1);
    await askAgent({ ...dialler, handshakes }, address(), PING);
    const next = handshakes.acquire().then(() => "at once");
    expect(await Promise.race([next, Bun.sleep(0).then(() => "later")])).toBe("at once");
  });

  test("T23 one that waits for the other side makes room soon", async () => {
    agent.answers = [last({})];
    const silent = createServer((socket) => void socket.on("error", () => undefined));
    const port = await listen(silent, "127.0.0.1", 0);
    const patient = { ...dialler, handshakes: new Semaphore(1) };
    const waiting = askAgent(patient, targetOf("127.0.0.1", undefined, port), PING).catch(
      () => "failed",
    );
    const [socket] = await once(silent, "connection");
    const others = askAgent(patient, address(), PING).then(() => "answered");
    expect(await Promise.race([waiting, others])).toBe("answered");
    socket.destroy();
    silent.close();
    expect(await waiting).toBe("failed");
  });
});

test("T69 what is counted of an answer is given back when it is not kept, and not before when it is", async () => {
  const answer = () => last({ exit: 0, stdout: "x".repeat(60_000), stderr: "" });
  const budget = new ReplyBudget(400_000);
  const fits = () => {
    const reply = budget.open().openReply();
    const held = reply.hold(16_384 + 290_000);
    reply.giveBack();
    return held;
  };
  agent.answers = [answer(), answer()];
  await askAgent({ ...dialler, budget }, address(), RUN);
  expect(fits()).toBe(true);
  const account = budget.open();
  await askAgent({ ...dialler, budget, account }, address(), RUN);
  expect(fits()).toBe(false);
  account.close();
  expect(fits()).toBe(true);
});
