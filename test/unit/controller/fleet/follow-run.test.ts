import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { type Contact, ContactWatch } from "../../../../src/controller/fleet/contact-watch.ts";
import type { FleetDialler } from "../../../../src/controller/fleet/fan-out.ts";
import { followOn, followRun } from "../../../../src/controller/fleet/follow-run.ts";
import { AgentPool } from "../../../../src/controller/fleet/pool.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import type { RunEnding, RunEvent } from "../../../../src/core/run-event.ts";
import { Semaphore } from "../../../../src/core/semaphore.ts";
import { readSerialLine, type Serial } from "../../../../src/core/serial.ts";
import { LAST_CHUNK } from "../../../../src/core/wire/chunks.ts";
import { FRAMES_TYPE, framePieces } from "../../../../src/core/wire/frames.ts";
import { ReadPace } from "../../../../src/system/net/read-pace.ts";
import { Authority, type HostCredential } from "../../../support/authority.ts";
import { chunkOf } from "../../../support/chunks.ts";
import { jsonAnswer } from "../../../support/fake-agent.ts";

const REQID = "0123456789abcdef";
const STARTED = "2026-11-29T03:00:00Z";
const BEGIN: RunEvent = { kind: "begin", reqid: REQID, script: "say", started: STARTED };
const BODY = { script: "say", args: ["a"], reqid: REQID, username: "ann", token: "" };

const endAfter = (stdoutBytes: number): RunEnding => ({
  state: "ended",
  exit: 3,
  started: STARTED,
  ended: STARTED,
  stdout_bytes: stdoutBytes,
  stderr_bytes: 0,
});

const said = (offset: number, text: string): RunEvent => ({
  kind: "output",
  stream: "stdout",
  offset,
  bytes: Buffer.from(text),
});

const HEAD = `HTTP/1.1 200 OK\r\nContent-Type: ${FRAMES_TYPE}\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n`;

const framesOf = (events: readonly RunEvent[]) =>
  Buffer.concat(events.map((event) => chunkOf(framePieces(event))));

/** A stream that is whole if the last event is the end. */
function streamOf(...events: readonly RunEvent[]): Buffer {
  const last = events.at(-1)?.kind === "end" ? [LAST_CHUNK] : [];
  return Buffer.concat([Buffer.from(HEAD), framesOf(events), ...last]);
}

interface Asked {
  readonly path: string;
  readonly body: unknown;
}

type Answer = (socket: TLSSocket) => void;
const write = (answer: string | Buffer) => (socket: TLSSocket) => void socket.write(answer);
const hangUpAfter = (answer: string | Buffer) => (socket: TLSSocket) => void socket.end(answer);
const hangUp = (socket: TLSSocket) => void socket.destroy();

let ca: Authority;
let credential: HostCredential;
let agent: HostCredential;
beforeAll(async () => {
  ca = await Authority.create();
  [credential, agent] = await Promise.all([ca.issue("ctrl-exec"), ca.issue("web-01")]);
});

let server: Server;
let answers: Answer[];
let asked: Asked[];
let connections: number;
let dialler: FleetDialler;
beforeEach(async () => {
  [answers, asked, connections] = [[], [], 0];
  server = createServer(agent, (socket) => {
    connections += 1;
    let heard = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      heard += chunk.toString("utf8");
      const [head = "", body] = heard.split("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body === undefined || body.length < length) return;
      heard = "";
      asked.push({ path: head.split(" ")[1] ?? "", body: JSON.parse(body) });
      const answer = answers.shift();
      if (answer === undefined) throw new Error(`nobody expected ${head}`);
      answer(socket);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { config } = await parseControllerConfig("/unset", "read_timeout = 1\n");
  dialler = {
    config,
    credentials: [{ serial: readSerialLine("01") ?? "", credential }],
    revoked: new Set(),
    handshakes: new Semaphore(8),
    pace: new ReadPace(),
    budget: new ReplyBudget(2 ** 20),
    now: () => new Date(),
  };
});
afterEach(() => {
  server.close();
});

/** What is heard of a run, in short. */
function hearing() {
  const heard: string[] = [];
  const onEvent = (event: RunEvent) => {
    heard.push(event.kind === "output" ? `${event.offset} ${event.bytes}` : event.kind);
  };
  return { heard, following: { reqid: REQID, onEvent } };
}

const target = () => targetOf("127.0.0.1", undefined, (server.address() as AddressInfo).port);

test("a run is heard as it goes: its events, and how it ended", async () => {
  answers = [write(streamOf(BEGIN, said(0, "one\n"), { kind: "end", end: endAfter(4) }))];
  const { heard, following } = hearing();
  const followed = await followRun(dialler, target(), BODY, following);
  expect(followed).toMatchObject({ kind: "ended", end: endAfter(4) });
  expect(followed.outcome).toMatchObject({ reply: { status: 200, streamed: true } });
  expect(heard).toEqual(["begin", "0 one\n", "end"]);
  expect(asked).toEqual([{ path: "/run", body: { ...BODY, stream: 1 } }]);
});

test.each([
  ["a result", jsonAnswer({ exit: 0, stdout: "done\n", stderr: "" }), 200],
  ["a refusal", 'HTTP/1.1 404 Not Found\r\nContent-Length: 21\r\n\r\n{"error":"not found"}', 404],
])(
  "an agent that answers with %s: that is the answer, and nothing is sent twice",
  async (_, answer, status) => {
    answers = [hangUpAfter(answer)];
    const { heard, following } = hearing();
    const followed = await followRun(dialler, target(), BODY, following);
    expect(followed).toMatchObject({ kind: "answered", outcome: { reply: { status } } });
    expect([heard, asked.length]).toEqual([[], 1]);
  },
);

test.each([
  ["JSON", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "that is not JSON"],
  ["HTTP", "SSH-2.0-OpenSSH_9.6\r\n", "that is not HTTP"],
])(
  "T69 an answer that is no %s is given up at once, and nobody is asked again",
  async (_, answer, problem) => {
    answers = [write(answer)];
    const { following } = hearing();
    const followed = await followRun(dialler, target(), BODY, following);
    expect(followed).toMatchObject({ kind: "answered", outcome: { reply: undefined } });
    expect(followed.outcome.error).toContain(problem);
    expect(asked).toHaveLength(1);
  },
);

test("T02 what a host says after it was revoked is not taken, and it is not asked again", async () => {
  const revoked = new Set<Serial>();
  const { heard, following } = hearing();
  let peer: TLSSocket | undefined;
  answers = [
    (socket) => {
      peer = socket;
      socket.write(streamOf(BEGIN, said(0, "one\n")));
    },
  ];
  const onEvent = (event: RunEvent) => {
    following.onEvent(event);
    if (event.kind !== "output") return;
    revoked.add(agent.serial);
    peer?.write(framesOf([said(4, "two\n"), { kind: "end", end: endAfter(8) }]));
  };
  const followed = await followRun({ ...dialler, revoked }, target(), BODY, {
    ...following,
    onEvent,
  });
  expect(followed).toMatchObject({
    kind: "out-of-sight",
    why: "127.0.0.1 answered with the revoked certificate of web-01: refused",
  });
  expect([heard, asked.length]).toEqual([["begin", "0 one\n"], 1]);
});

describe("a connection that breaks", () => {
  test("is made again, and the run goes on at the byte that it had come to", async () => {
    answers = [
      hangUpAfter(streamOf(BEGIN, said(0, "one\n"))),
      // Within a frame.
      hangUpAfter(streamOf(BEGIN, said(4, "two\n")).subarray(0, -4)),
      write(streamOf(BEGIN, said(6, "o\nthree\n"), { kind: "end", end: endAfter(14) })),
    ];
    const { heard, following } = hearing();
    const followed = await followRun(dialler, target(), BODY, following);
    expect(followed).toMatchObject({ kind: "ended", end: { exit: 3 } });
    expect(heard).toEqual(["begin", "0 one\n", "4 tw", "6 o\nthree\n", "end"]);
    expect(asked.slice(1)).toEqual([
      { path: "/follow", body: { reqid: REQID, stdout: 4, stderr: 0, token: 1 } },
      { path: "/follow", body: { reqid: REQID, stdout: 6, stderr: 0, token: 1 } },
    ]);
  });

  test("before the run was seen to begin: the agent is asked whether it knows it", async () => {
    answers = [hangUp, write(streamOf(BEGIN, { kind: "end", end: endAfter(0) }))];
    const { heard, following } = hearing();
    expect(await followRun(dialler, target(), BODY, following)).toMatchObject({ kind: "ended" });
    expect(asked.map(({ path }) => path)).toEqual(["/run", "/follow"]);
    expect(heard).toEqual(["begin", "end"]);
  });

  test("and the agent does not: it is as if nobody had asked", async () => {
    answers = [
      hangUp,
      write(jsonAnswer({ error: "not found" }).replace("200 OK", "404 Not Found")),
    ];
    const { following } = hearing();
    const followed = await followRun(dialler, target(), BODY, following);
    expect(followed).toMatchObject({ kind: "answered", outcome: { reply: undefined } });
    expect(followed.outcome.error).toContain("closed");
  });

  test("and nothing was sent: nobody is asked again", async () => {
    const closed = target();
    server.close();
    const { following } = hearing();
    const before = performance.now();
    const followed = await followRun(dialler, closed, BODY, following);
    expect(followed.outcome.error).toContain("connection refused");
    expect(performance.now() - before).toBeLessThan(190);
  });

  test("while the agent starts again: it is asked until it answers", async () => {
    const { following, heard } = hearing();
    const { port } = target();
    answers = [
      (socket) => {
        socket.end(streamOf(BEGIN));
        server.close();
        setTimeout(() => server.listen(port, "127.0.0.1"), 500);
      },
      write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"),
      write(streamOf(BEGIN, { kind: "end", end: endAfter(0) })),
    ];
    const there = targetOf("127.0.0.1", undefined, port);
    expect(await followRun(dialler, there, BODY, following)).toMatchObject({ kind: "ended" });
    expect(heard).toEqual(["begin", "end"]);
  });

  test("and each new one too: the agent is asked less and less often", async () => {
    answers = [
      hangUpAfter(streamOf(BEGIN)),
      hangUp,
      hangUp,
      hangUp,
      write(streamOf(BEGIN, { kind: "end", end: endAfter(0) })),
    ];
    const { following } = hearing();
    const started = performance.now();
    expect(await followRun(dialler, target(), BODY, following)).toMatchObject({ kind: "ended" });
    // 200, 400, 800 and 1,600 ms; timers are never early.
    expect(performance.now() - started).toBeGreaterThan(2900);
  });

  test("and is not there again after a moment: whoever watches is told, and that it is back", async () => {
    const told: Contact[] = [];
    const limits = { silence: 15_000, break: 50 };
    using contact = new ContactWatch((news) => told.push(news), limits);
    answers = [
      hangUpAfter(streamOf(BEGIN)),
      hangUp,
      write(streamOf(BEGIN, { kind: "end", end: endAfter(0) })),
    ];
    const following = { ...hearing().following, contact };
    expect(await followRun(dialler, target(), BODY, following)).toMatchObject({ kind: "ended" });
    const lost = { kind: "lost", why: expect.stringContaining("closed"), seconds: 25 } as const;
    expect(told).toEqual([lost, { kind: "back" }]);
  });

  test("and the agent has lost the run: it says so, and is not asked for ever", async () => {
    answers = [
      hangUpAfter(streamOf(BEGIN)),
      write(jsonAnswer({ error: "no such run" }).replace("200 OK", "404 Not Found")),
    ];
    const { following } = hearing();
    const followed = await followRun(dialler, target(), BODY, following);
    expect(followed).toMatchObject({ kind: "out-of-sight", why: "no such run" });
  });

  test("while nobody waits any longer: the following ends, and the agent is left alone", async () => {
    const nobody = new AbortController();
    answers = [write(streamOf(BEGIN))];
    const { following } = hearing();
    const onEvent = () => void setTimeout(() => nobody.abort(), 20);
    const followed = await followRun(dialler, target(), BODY, {
      ...following,
      onEvent,
      signal: nobody.signal,
    });
    expect(followed.kind).toBe("out-of-sight");
    expect(asked).toHaveLength(1);
  });

  test("and nobody waits any longer before the next: the agent is not asked", async () => {
    const nobody = new AbortController();
    answers = [hangUpAfter(streamOf(BEGIN)), write(streamOf(BEGIN))];
    const contact = new ContactWatch(() => undefined);
    // Said right before the pause.
    contact.broken = () => void setTimeout(() => nobody.abort(), 5);
    const following = { ...hearing().following, contact, signal: nobody.signal };
    expect((await followRun(dialler, target(), BODY, following)).kind).toBe("out-of-sight");
    expect(asked).toHaveLength(1);
  });

  test("and its place has an answer that is not a stream: its status is said, and how long it took", async () => {
    const refusal = jsonAnswer({}).replace("200 OK", "418 Teapot");
    answers = [hangUpAfter(streamOf(BEGIN)), write(refusal)];
    const before = performance.now();
    const followed = await followRun(dialler, target(), BODY, hearing().following);
    const why = "127.0.0.1 answered with status 418 and no stream";
    expect(followed).toMatchObject({ kind: "out-of-sight", why });
    expect(followed.outcome.rtt).toBeLessThanOrEqual(performance.now() - before + 1);
  });
});

test("an agent that was sent a run, and is away, is asked as long as an answer may take", async () => {
  answers = [hangUp, hangUp, hangUp, hangUp];
  const { following } = hearing();
  const followed = await followRun(dialler, target(), BODY, following);
  expect(followed).toMatchObject({ kind: "answered", outcome: { reply: undefined } });
  // After 200 and 600 ms; the next one would be later than read_timeout.
  const [run, ...questions] = asked.map(({ path }) => path);
  expect([run, new Set(questions).size < 2]).toEqual(["/run", true]);
  expect(questions.length).toBeLessThanOrEqual(2);
});

test("T69 a result that is too long would come again, and is not asked for once more", async () => {
  answers = [hangUpAfter(jsonAnswer({ exit: 0, stdout: "x".repeat(100_000), stderr: "" }))];
  const small = { ...dialler, config: { ...dialler.config, max_reply: 1000 } };
  const followed = await followRun(small, target(), BODY, hearing().following);
  expect(followed).toMatchObject({ kind: "answered", outcome: { dropped: true } });
  expect(asked).toHaveLength(1);
});

test("a run that may not be sent any more is not, and its host is not asked about it", async () => {
  const noted: string[] = [];
  const sending = {
    mayBeSent: () => {
      noted.push("may it be sent?");
      return false;
    },
    turnedAway: () => void noted.push("turned away"),
    ended: () => void noted.push("ended"),
  };
  const followed = await followRun({ ...dialler, sending }, target(), BODY, hearing().following);
  expect(followed.outcome.error).toContain("the run was stopped before this host was asked");
  expect([noted, asked]).toEqual([["may it be sent?"], []]);
});

test("what becomes of the request is told to whoever wants to know, of the questions after it nothing", async () => {
  const noted: string[] = [];
  const sending = {
    mayBeSent: () => {
      noted.push("sent");
      return true;
    },
    turnedAway: () => void noted.push("turned away"),
    ended: () => void noted.push("ended"),
  };
  const noting = { ...dialler, sending };
  const refusal = jsonAnswer({ error: "serial mismatch" }).replace("200 OK", "403 Forbidden");
  answers = [hangUpAfter(refusal)];
  await followRun(noting, target(), BODY, hearing().following);
  expect(noted).toEqual(["sent", "turned away"]);
  const small = { ...noting, config: { ...dialler.config, max_reply: 1000 } };
  answers = [hangUpAfter(jsonAnswer({ exit: 0, stdout: "x".repeat(100_000), stderr: "" }))];
  await followRun(small, target(), BODY, hearing().following);
  expect(noted.slice(2)).toEqual(["sent", "ended"]);
  answers = [
    hangUpAfter(streamOf(BEGIN)),
    write(streamOf(BEGIN, { kind: "end", end: endAfter(0) })),
  ];
  await followRun(noting, target(), BODY, hearing().following);
  expect(noted.slice(4)).toEqual(["sent"]);
});

describe("T69 a stream that is not sound ends the following at once", () => {
  test.each([
    ["of another run", streamOf({ ...BEGIN, reqid: "f".repeat(16) } as RunEvent), "of another run"],
    ["with a gap", streamOf(BEGIN, said(1, "x")), "stdout from byte 1 on"],
    ["that says it is whole", Buffer.concat([streamOf(BEGIN), LAST_CHUNK]), "before its end"],
    ["that is no frames", Buffer.from(`${HEAD}10\r\nhello, ctrl-exec\r\n`), "unknown type"],
    ["that is no chunks", Buffer.from(`${HEAD}hello\r\n`), "not a number"],
  ])("%s", async (_, stream, problem) => {
    answers = [write(stream)];
    const { following } = hearing();
    const { outcome } = await followRun(dialler, target(), BODY, following);
    expect(outcome.error).toMatch(/^127\.0\.0\.1 answered wrongly: /);
    expect(outcome.error).toContain(problem);
    expect(asked).toHaveLength(1);
  });

  test("and so does a listener that cannot go on", async () => {
    answers = [write(streamOf(BEGIN, said(0, "x")))];
    const followed = await followRun(dialler, target(), BODY, {
      reqid: REQID,
      onEvent: async ({ kind }) => {
        if (kind === "output") throw new Error("the disk is full");
      },
    });
    expect(followed).toMatchObject({ kind: "out-of-sight", why: "the disk is full" });
    expect(asked).toHaveLength(1);
  });
});

describe("a run that was started before", () => {
  test("is heard from the bytes on that were asked for", async () => {
    answers = [write(streamOf(BEGIN, said(4, "two\n"), { kind: "end", end: endAfter(8) }))];
    const { heard, following } = hearing();
    const from = { stdout: 4, stderr: 0 };
    const followed = await followOn(dialler, target(), { ...following, from });
    expect(followed).toMatchObject({ kind: "ended" });
    expect(heard).toEqual(["begin", "4 two\n", "end"]);
    expect(asked).toEqual([{ path: "/follow", body: { reqid: REQID, ...from } }]);
  });

  test("on an agent that cannot be reached is not waited for", async () => {
    const closed = target();
    server.close();
    const followed = await followOn(dialler, closed, hearing().following);
    expect(followed).toMatchObject({ kind: "answered", outcome: { reply: undefined } });
  });
});

describe("connections that are kept", () => {
  test("a stream leaves its connection to the next request", async () => {
    const pool = new AgentPool(60_000);
    try {
      const pooled = { ...dialler, pool };
      for (let count = 0; count < 3; count += 1) {
        answers = [write(streamOf(BEGIN, { kind: "end", end: endAfter(0) }))];
        expect(await followRun(pooled, target(), BODY, hearing().following)).toMatchObject({
          kind: "ended",
        });
      }
      expect(connections).toBe(1);
    } finally {
      pool.close();
    }
  });

  test("long streams keep no request from the same agent", async () => {
    const pool = new AgentPool(60_000);
    const nobody = new AbortController();
    try {
      const pooled = { ...dialler, pool };
      // As many as there are connections to one agent.
      const streams = Array.from({ length: 8 }, () => {
        answers.push(write(streamOf(BEGIN)));
        return followRun(pooled, target(), BODY, { ...hearing().following, signal: nobody.signal });
      });
      await Bun.sleep(1200);
      answers.push(write(streamOf(BEGIN, { kind: "end", end: endAfter(0) })));
      const before = performance.now();
      await followOn(pooled, target(), hearing().following);
      expect(performance.now() - before).toBeLessThan(2000);
      nobody.abort();
      await Promise.all(streams);
    } finally {
      pool.close();
    }
  });

  test("one that broke within a stream is not asked for the same bytes again", async () => {
    const pool = new AgentPool(60_000);
    try {
      const pooled = { ...dialler, pool };
      answers = [
        write(streamOf(BEGIN, { kind: "end", end: endAfter(0) })),
        hangUpAfter(streamOf(BEGIN, said(0, "one\n"))),
        write(streamOf(BEGIN, said(4, "two\n"), { kind: "end", end: endAfter(8) })),
      ];
      await followRun(pooled, target(), BODY, hearing().following);
      const { heard, following } = hearing();
      expect(await followOn(pooled, target(), following)).toMatchObject({ kind: "ended" });
      expect(heard).toEqual(["begin", "0 one\n", "4 two\n", "end"]);
      expect(asked.slice(1).map(({ body }) => body)).toEqual([
        { reqid: REQID, stdout: 0, stderr: 0 },
        { reqid: REQID, stdout: 4, stderr: 0 },
      ]);
    } finally {
      pool.close();
    }
  });
});

test("a run that was not seen to begin is asked for until its read_timeout is over", async () => {
  const { config } = await parseControllerConfig("/unset", "read_timeout = 3600\n");
  const untils: number[] = [];
  class Noted extends ContactWatch {
    override broken(why: string, until: number): void {
      untils.push(until);
      super.broken(why, until);
    }
  }
  using contact = new Noted(() => undefined);
  answers = [hangUp, write(jsonAnswer({ exit: 0, stdout: "", stderr: "" }))];
  const before = performance.now();
  await followRun({ ...dialler, config }, target(), BODY, { ...hearing().following, contact });
  expect(untils).toHaveLength(1);
  expect((untils[0] ?? 0) - before).toBeWithin(3_600_000, 3_602_000);
});
