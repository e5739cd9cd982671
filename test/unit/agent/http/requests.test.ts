/** The requests of one connection: their order, their refusals, and how it ends. */
import { beforeAll, describe, expect, spyOn, test } from "bun:test";
import type { AgentContext } from "../../../../src/agent/endpoints/endpoint.ts";
import { ConnectionClock, type Late } from "../../../../src/agent/http/connection-clock.ts";
import { Requests } from "../../../../src/agent/http/requests.ts";
import { QuietLog } from "../../../../src/core/quiet-log.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { listenTcp } from "../../../../src/system/net/tcp.ts";
import { Authority } from "../../../support/authority.ts";
import { EventLog } from "../../../support/event-log.ts";
import { until } from "../../../support/folder.ts";
import { get, openTls, post } from "../../../support/raw-agent.ts";

let ca: Authority;
beforeAll(async () => {
  ca = await Authority.create();
});

const REQID = "0123456789abcdef";
const NOW = new Date("2026-11-29T12:00:00Z");

/** What a caller is answered whom this agent trusts, and whose runs it lists when it is told to. */
async function visited(limits = { requestMs: 30_000, idleMs: 30_000, pieceMs: 30_000 }) {
  const [agent, control] = await Promise.all([ca.issue("web-01"), ca.issue("ctrl-exec")]);
  const accepted = Promise.withResolvers<Connection>();
  const listener = listenTcp("127.0.0.1", 0, accepted.resolve);
  const client = openTls(listener.port, control);
  const server = await accepted.promise;
  listener.stop();
  await server.secureAsServer({ cert: agent.cert, key: agent.key, ca: ca.ca.pem }, 10_000);
  const log = new EventLog("ctrl-exec-agent");
  const list: PromiseWithResolvers<unknown[]>[] = [];
  let listing = Promise.withResolvers<void>();
  const jobs = {
    list: () => {
      const asked = Promise.withResolvers<unknown[]>();
      list.push(asked);
      listing.resolve();
      listing = Promise.withResolvers();
      return asked.promise;
    },
    find: () => streams.job,
    running: () => undefined,
  };
  const streams = streaming();
  const trust = {
    revoked: { look: () => undefined, has: () => false },
    controller: {
      look: () => undefined,
      hasRetired: () => false,
      judge: () => ({ kind: "trusted", proves: false }),
    },
  };
  const context = {
    state: { trust },
    log: log.log,
    quiet: new QuietLog(log.log),
    now: () => NOW,
    jobs,
  } as unknown as AgentContext;
  const requests = new Requests(
    () => context,
    () => NOW,
  );
  const heard = { text: "", over: false };
  client.on("data", (bytes) => {
    heard.text += bytes.toString();
  });
  client.on("error", () => undefined);
  client.on("close", () => {
    heard.over = true;
  });
  let late: Late | undefined;
  const clock = new ConnectionClock((reason) => {
    late = reason;
  }, limits);
  const begun = spyOn(clock, "requestBegins");
  const stopped = spyOn(clock, "requestCame");
  const certificate = readCertificate(control.cert, "it");
  const caller = { ip: "192.0.2.1", local: false, certificate };
  const welcomed = requests.welcome({ caller, connection: server, clock });
  return {
    server,
    client,
    requests,
    log,
    list,
    streams,
    heard,
    welcomed,
    wasLate: () => late,
    /** How often the time of a request has begun. */
    began: () => begun.mock.calls.length,
    /** How often it was over because the request had come. */
    came: () => stopped.mock.calls.length,
    send: (text: string) => void client.write(text),
    /** Sends a request that is answered once the test says so. */
    asks: async (request: string) => {
      const asked = listing.promise;
      client.write(request);
      await asked;
    },
    /** So many answers have come, whole. */
    answered: (count: number) =>
      until("it is answered", () => (heard.text.match(/\r\n\r\n\{.*?\}/gs)?.length ?? 0) >= count),
    over: () => until("it is over", () => heard.over),
    [Symbol.dispose]: () => {
      client.destroy();
      server.close();
    },
  };
}

/** A run whose events come when the test says so. */
function streaming() {
  let goOn = Promise.withResolvers<RunEvent | undefined>();
  const state = { held: 0, aborted: false };
  const job = {
    hold() {
      state.held += 1;
      return () => {
        state.held -= 1;
      };
    },
    async *follow(_: unknown, signal: AbortSignal): AsyncGenerator<RunEvent> {
      signal.addEventListener("abort", () => {
        state.aborted = true;
        goOn.resolve(undefined);
      });
      if (signal.aborted) goOn.resolve(undefined);
      for (let event = await goOn.promise; event !== undefined; event = await goOn.promise) {
        goOn = Promise.withResolvers();
        yield event;
      }
    },
  };
  return { job, state, say: (event: RunEvent | undefined) => goOn.resolve(event) };
}

const FOLLOW = post("/follow", { reqid: REQID, stdout: 0, stderr: 0 });
const END: RunEvent = {
  kind: "end",
  end: { state: "ended", exit: 0, started: "", ended: "", stdout_bytes: 0, stderr_bytes: 0 },
};

describe("a stream", () => {
  test("that is complete leaves the connection to the next request, and lets go of its run", async () => {
    using it = await visited();
    it.send(FOLLOW);
    await until("it has begun", () => it.heard.text.includes("chunked"));
    expect([it.streams.state.held, it.requests.isBusy(it.server)]).toEqual([1, true]);
    it.streams.say(END);
    await until("it is over", () => it.heard.text.endsWith("0\r\n\r\n"));
    expect(it.heard.text).toContain("Connection: keep-alive");
    await it.asks(get("/runs"));
    expect(it.streams.state).toEqual({ held: 0, aborted: false });
    it.list[0]?.resolve([]);
    await it.answered(1);
    // Neither the agent's stop nor the connection's end is its end any more.
    await it.requests.finish(60_000);
    it.client.destroy();
    await it.welcomed;
    expect(it.streams.state).toEqual({ held: 0, aborted: false });
  });

  test("that is asked for as the agent stops ends at once", async () => {
    using it = await visited();
    await it.requests.finish(60_000);
    it.send(FOLLOW);
    await it.over();
    expect(it.heard.text).toContain("Connection: close");
    expect(it.streams.state.held).toBe(0);
  });

  test("that stops before its end is the last on its connection", async () => {
    using it = await visited();
    it.send(FOLLOW + get("/runs"));
    await until("it has begun", () => it.heard.text.includes("chunked"));
    it.streams.say(undefined);
    await it.over();
    expect([statuses(it.heard.text), it.list, it.streams.state.held]).toEqual([["200"], [], 0]);
  });

  test("that nobody reads any more ends, and so does its connection", async () => {
    using it = await visited();
    it.send(FOLLOW);
    await until("it has begun", () => it.heard.text.includes("chunked"));
    it.client.resetAndDestroy();
    await it.welcomed;
    expect(it.streams.state).toEqual({ held: 0, aborted: true });
  });

  test("is ended early by an agent that stops", async () => {
    using it = await visited();
    it.send(FOLLOW);
    await until("it has begun", () => it.heard.text.includes("chunked"));
    await it.requests.finish(60_000);
    await it.over();
    expect(it.streams.state).toEqual({ held: 0, aborted: true });
    expect(it.log.events).toEqual([]);
  });
});

const statuses = (text: string) =>
  [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);

test("one request after the other is answered on a connection that is kept", async () => {
  using it = await visited();
  const { requests, server } = it;
  expect([requests.isBusy(server), requests.isIdle(server)]).toEqual([false, false]);
  await it.asks(get("/runs"));
  expect([requests.isBusy(server), requests.isIdle(server)]).toEqual([true, false]);
  it.list[0]?.resolve([1]);
  await it.answered(1);
  await until("it waits", () => requests.isIdle(server));
  expect(requests.isBusy(server)).toBe(false);
  expect(it.heard.text).toEndWith('{"runs":[1]}');
  expect(it.heard.text).toContain("Connection: keep-alive");
  expect(it.heard.text).toContain("Date: Sun, 29 Nov 2026 12:00:00 GMT");
  // Part of the next one.
  it.send("GET /ru");
  await until("it has begun", () => requests.isBusy(server));
  expect([it.began(), it.came()]).toEqual([2, 1]);
  await it.asks("ns HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  it.list[1]?.resolve([2]);
  await it.over();
  await it.welcomed;
  expect(it.heard.text).toEndWith('{"runs":[2]}');
  expect(it.heard.text).toContain("Connection: close");
  expect([requests.isBusy(server), requests.isIdle(server)]).toEqual([false, false]);
  expect([it.log.events, it.wasLate()]).toEqual([[], undefined]);
});

test("T19 a caller's time runs while it asks and once it is answered, not while it waits", async () => {
  using it = await visited({ requestMs: 60, idleMs: 20, pieceMs: 30_000 });
  await it.asks(get("/runs"));
  await Bun.sleep(80);
  expect([it.wasLate(), it.came()]).toEqual([undefined, 1]);
  it.list[0]?.resolve([]);
  await it.answered(1);
  await until("its time is over", () => it.wasLate() !== undefined);
  expect(it.wasLate()).toBe("idle");
});

test("T19 a caller that does not take its answer is late", async () => {
  using it = await visited({ requestMs: 20, idleMs: 20, pieceMs: 30_000 });
  await it.asks(get("/runs"));
  it.client.pause();
  it.server.write = () => Promise.withResolvers<void>().promise;
  it.list[0]?.resolve([]);
  await until("its time is over", () => it.wasLate() !== undefined);
  expect(it.wasLate()).toBe("answer");
});

test("T21 a refusal ends the connection: what follows on it is not answered", async () => {
  using it = await visited();
  it.send(get("/nothing") + get("/runs"));
  await it.over();
  expect(statuses(it.heard.text)).toEqual(["404"]);
  expect(it.heard.text).toContain("Connection: close");
  expect(it.list).toEqual([]);
});

test.each([
  ["empty request", "", "empty request"],
  ["bad request", "POST /run HTTP/1.1\r\nContent-Le", "the request was cut"],
  ["bad request", "POST /run HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}", "the request was cut"],
])("a caller that ends without a request is told, and logged: %s", async (error, text, reason) => {
  using it = await visited();
  if (text !== "") it.send(text);
  it.client.end();
  await it.over();
  expect(it.heard.text).toStartWith("HTTP/1.1 400 Bad Request");
  expect(it.heard.text).toEndWith(`{"error":"${error}"}`);
  expect(it.log.events.map(({ action, fields }) => [action, fields])).toEqual([
    ["request-refused", { PEER: "192.0.2.1", REASON: reason }],
  ]);
});

test("one that ends after its answer owes nothing", async () => {
  using it = await visited();
  await it.asks(get("/runs"));
  it.list[0]?.resolve([]);
  await it.answered(1);
  it.client.end();
  await it.over();
  expect(statuses(it.heard.text)).toEqual(["200"]);
  expect(it.log.events).toEqual([]);
});

test("one that is gone is answered nothing", async () => {
  using it = await visited();
  await it.asks(get("/runs"));
  it.list[0]?.resolve([]);
  await it.answered(1);
  it.client.destroy();
  await it.welcomed;
  expect(it.log.events).toEqual([]);
  expect(it.requests.isBusy(it.server)).toBe(false);
});

test("what cannot be read is refused, and logged once a minute", async () => {
  using it = await visited();
  it.send("NONSENSE\r\n\r\n");
  await it.over();
  expect(statuses(it.heard.text)).toEqual(["400"]);
  expect(it.log.of("request-refused")).toHaveLength(1);
});

test("T11 a body that is not UTF-8 is refused", async () => {
  using it = await visited();
  it.client.write(Buffer.from("POST /run HTTP/1.1\r\nContent-Length: 1\r\n\r\n\xff", "latin1"));
  await it.over();
  expect(it.heard.text).toEndWith('{"error":"the body is not UTF-8"}');
});

test("who waits for leave to send a body gets it", async () => {
  using it = await visited();
  it.send("POST /follow HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  await until("it may go on", () => it.heard.text !== "");
  expect(it.heard.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  it.send("{}");
  await it.over();
  expect(statuses(it.heard.text)).toEqual(["100", "400"]);
});

test("an error that nobody expects is answered without its reason, which is logged", async () => {
  using it = await visited();
  await it.asks(get("/runs"));
  it.list[0]?.reject(new Error("secret"));
  await it.over();
  expect(it.heard.text).toStartWith("HTTP/1.1 500 ");
  expect(it.heard.text).toEndWith('{"error":"internal error"}');
  expect(it.log.events.map(({ action, fields }) => [action, fields])).toEqual([
    ["accept-fatal", { PEER: "192.0.2.1", REASON: "secret" }],
  ]);
});

test("an answer that cannot be built ends the connection, and is logged", async () => {
  using it = await visited();
  await it.asks(get("/runs"));
  const circle: unknown[] = [];
  circle.push(circle);
  it.list[0]?.resolve(circle);
  await it.over();
  await it.welcomed;
  expect(it.heard.text).toBe("");
  expect(it.log.of("accept-fatal")).toHaveLength(1);
});

/** Resolves to whether it has, after a turn of the event loop. */
const hasEnded = async (promise: Promise<unknown>) => {
  const turn = new Promise((resolve) => setImmediate(resolve, false));
  return await Promise.race([promise.then(() => true), turn]);
};

test("an agent that stops waits for the answers that are due, and each is the last", async () => {
  using it = await visited();
  await it.asks(get("/runs"));
  const finished = it.requests.finish(60_000);
  expect(await hasEnded(finished)).toBe(false);
  it.list[0]?.resolve([]);
  await finished;
  await it.over();
  expect(it.heard.text).toContain("Connection: close");
  expect(it.log.events).toEqual([]);
});

test("an agent that stops does not wait for connections without a request", async () => {
  using it = await visited();
  await it.requests.finish(60_000);
  expect(it.log.events).toEqual([]);
});

test("an agent that stops waits for so long, and logs whose answers are missing", async () => {
  using it = await visited();
  await it.asks(
    get("/runs", []).replace("\r\n\r\n", `\r\nContent-Length: 28\r\n\r\n{"reqid":"${REQID}"}`),
  );
  await it.requests.finish(20);
  expect(it.log.events.map(({ action, fields }) => [action, fields])).toEqual([
    [
      "hang-up",
      {
        PEER: "192.0.2.1",
        REASON: "the agent is stopping; a script that has begun goes on",
        REQID,
      },
    ],
  ]);
});

test("the connection's end is not an answer to what was asked: nothing is left of it", async () => {
  using it = await visited();
  // Nor is what came behind it carried out.
  await it.asks(post("/nothing", {}).replace("POST /nothing", "GET /runs") + get("/runs"));
  it.server.close();
  it.list[0]?.resolve([]);
  await it.welcomed;
  expect(it.list).toHaveLength(1);
  expect(it.requests.isBusy(it.server)).toBe(false);
  expect(it.requests.isIdle(it.server)).toBe(false);
});
