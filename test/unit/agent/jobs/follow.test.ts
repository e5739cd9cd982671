import { expect, test } from "bun:test";
import { follow, type Readable } from "../../../../src/agent/jobs/follow.ts";
import type { OutputStream, RunEnding, RunEvent } from "../../../../src/core/run-event.ts";

const ENDED: RunEnding = {
  state: "ended",
  exit: 0,
  started: "2026-01-01T00:00:00Z",
  ended: "2026-01-01T00:00:01Z",
  stdout_bytes: 0,
  stderr_bytes: 0,
};

/** A job whose script prints what it is told to. */
class Printing implements Readable {
  readonly begin = {
    kind: "begin",
    reqid: "0".repeat(16),
    script: "s",
    started: ENDED.started,
  } as const;
  ending: RunEnding | undefined;
  readonly files: Record<OutputStream, string> = { stdout: "", stderr: "" };
  #change = Promise.withResolvers<void>();

  print(stream: OutputStream, text: string): void {
    this.files[stream] += text;
    this.#tell();
  }

  end(bytes: Partial<RunEnding> = {}): void {
    const { stdout, stderr } = this.files;
    this.ending = { ...ENDED, stdout_bytes: stdout.length, stderr_bytes: stderr.length, ...bytes };
    this.#tell();
  }

  kept(stream: OutputStream): number {
    return this.files[stream].length;
  }

  changed(): Promise<void> {
    return this.#change.promise;
  }

  read(stream: OutputStream, offset: number, into: Uint8Array): number {
    return Buffer.from(this.files[stream].slice(offset)).copy(into);
  }

  #tell(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}

function shown(event: RunEvent): string {
  if (event.kind === "output") return `${event.stream} ${event.offset} ${Buffer.from(event.bytes)}`;
  if (event.kind === "dropped") return `dropped ${event.stream} ${event.offset} ${event.bytes}`;
  return event.kind;
}

async function allOf(events: AsyncIterable<RunEvent>): Promise<string[]> {
  const all: string[] = [];
  for await (const event of events) all.push(shown(event));
  return all;
}

const START = { stdout: 0, stderr: 0 };
const never = () => new AbortController().signal;

test("what is printed comes as it is printed, and the end after all of it", async () => {
  const job = new Printing();
  const events = follow(job, START, never());
  const next = async () => shown((await events.next()).value);
  expect(await next()).toBe("begin");
  const first = next();
  job.print("stdout", "one\n");
  expect(await first).toBe("stdout 0 one\n");
  const second = next();
  job.print("stderr", "two\n");
  expect(await second).toBe("stderr 0 two\n");
  job.print("stdout", "three\n");
  job.end();
  expect(await allOf(events)).toEqual(["stdout 4 three\n", "end"]);
});

test("who leaves while nothing is printed waits for nothing more", async () => {
  const leaving = new AbortController();
  const events = follow(new Printing(), START, leaving.signal);
  expect(shown((await events.next()).value)).toBe("begin");
  const next = events.next();
  // It waits by then.
  await new Promise(setImmediate);
  leaving.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test("it goes on from the offsets that it is given", async () => {
  const job = new Printing();
  job.print("stdout", "0123456789");
  job.print("stderr", "abc");
  job.end();
  expect(await allOf(follow(job, { stdout: 7, stderr: 3 }, never()))).toEqual([
    "begin",
    "stdout 7 789",
    "end",
  ]);
});

test("what was dropped is said, from where the file ends", async () => {
  const job = new Printing();
  job.print("stdout", "0123456789");
  job.end({ stdout_bytes: 30 });
  expect(await allOf(follow(job, START, never()))).toEqual([
    "begin",
    "stdout 0 0123456789",
    "dropped stdout 10 20",
    "end",
  ]);
  expect(await allOf(follow(job, { stdout: 15, stderr: 0 }, never()))).toEqual([
    "begin",
    "dropped stdout 15 15",
    "end",
  ]);
});

test("a long output comes in pieces that a frame holds, and both streams in turn", async () => {
  const job = new Printing();
  job.print("stdout", "x".repeat(150_000));
  job.print("stderr", "y");
  job.end();
  const kinds = (await allOf(follow(job, START, never()))).map((text) => text.slice(0, 12));
  expect(kinds).toEqual([
    "begin",
    "stdout 0 xxx",
    "stderr 0 y",
    "stdout 65536",
    "stdout 13107",
    "end",
  ]);
});

test("it ends without an end when nobody wants more", async () => {
  const job = new Printing();
  const stop = new AbortController();
  const all = allOf(follow(job, START, stop.signal));
  stop.abort();
  expect(await all).toEqual(["begin"]);
});

test("what somebody has removed counts as dropped, and the other stream and the end come", async () => {
  const job = new Printing();
  job.print("stdout", "abc");
  job.print("stderr", "def");
  const { read } = job;
  job.read = (stream, ...rest) => (stream === "stdout" ? 0 : read.call(job, stream, ...rest));
  const all = allOf(follow(job, { stdout: 1, stderr: 0 }, never()));
  await Promise.resolve();
  job.print("stdout", "more");
  job.end();
  expect(await all).toEqual(["begin", "stderr 0 def", "dropped stdout 1 6", "end"]);
});
