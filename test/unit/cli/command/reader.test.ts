/** Output without end, and who reads it: a real pipe. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cleanEnvironment } from "../../../support/binary.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { UnreadPipe } from "../../../support/unread.ts";

const source = (file: string) =>
  JSON.stringify(join(import.meta.dir, "../../../../src/cli/command", file));

/** Writes a megabyte in pieces, as long as there is a reader; reports each, and how it ended. */
const WRITER = `
const { appendFileSync } = await import("node:fs");
const { openIo } = await import(${source("io.ts")});
const { Reader } = await import(${source("reader.ts")});
const [report, stream] = process.argv.slice(1);
const io = openIo();
const reader = new Reader(io);
const piece = Buffer.alloc(50_000, "x");
const write = reader.heldBack(() => (stream === "out" ? io.out(piece) : io.scriptErr(piece)));
for (let count = 0; count < 20 && !reader.hasGone; count++) {
  await write();
  appendFileSync(report, ".");
}
if (reader.hasGone) await reader.gone;
const flushed = await io.flush().then(() => "all", (thrown) => thrown.constructor.name);
appendFileSync(report, (reader.hasGone ? "gone " : "read ") + flushed);
process.exit(0);
`;

let folder: TestFolder;
beforeAll(() => {
  folder = new TestFolder();
});
afterAll(() => folder[Symbol.dispose]());

function start(name: string, stream: "out" | "err", streams: { out: number; err: number }) {
  const report = folder.write(name, "");
  const child = Bun.spawn([process.execPath, "-e", WRITER, report, stream], {
    stdout: streams.out,
    stderr: streams.err,
    env: cleanEnvironment(),
  });
  return { child, told: () => (existsSync(report) ? readFileSync(report, "utf8") : "") };
}

/** Until nothing was written for a while; returns how many pieces were. */
async function heldBack(told: () => string): Promise<number> {
  let [seen, since] = [-1, 0];
  await until("nothing more is written", () => {
    if (told().length !== seen) since = Date.now();
    seen = told().length;
    return seen > 0 && Date.now() - since > 500;
  });
  return seen;
}

describe.each(["out", "err"] as const)("std%s", (stream) => {
  test("T72 a reader that stands still holds the output back, and gets all of it in the end", async () => {
    using pipe = new UnreadPipe();
    using other = new UnreadPipe();
    const [own, rest] = [pipe.writeEnd, other.writeEnd];
    const streams = stream === "out" ? { out: own, err: rest } : { out: rest, err: own };
    const { child, told } = start(`still-${stream}`, stream, streams);
    // What a pipe takes, and what may wait.
    expect(await heldBack(told)).toBeLessThan(10);
    expect((await pipe.read()).length).toBe(1_000_000);
    expect(await child.exited).toBe(0);
    expect(told()).toBe(`${".".repeat(20)}read all`);
  });
});

test("a reader that goes meanwhile is told to whoever writes", async () => {
  const pipe = new UnreadPipe();
  using errors = new UnreadPipe();
  const { child, told } = start("gone", "out", { out: pipe.writeEnd, err: errors.writeEnd });
  await heldBack(told);
  pipe[Symbol.dispose]();
  expect(await child.exited).toBe(0);
  expect(told()).toMatch(/^\.+gone OutputClosed$/);
});

test("on a full disk the work goes on, and the end says what was lost", async () => {
  using errors = new UnreadPipe();
  const full = openSync("/dev/full", "w");
  const { child, told } = start("full", "out", { out: full, err: errors.writeEnd });
  closeSync(full);
  expect(await child.exited).toBe(0);
  expect(told()).toBe(`${".".repeat(20)}read OutputLost`);
});
