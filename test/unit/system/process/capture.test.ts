import { expect, test } from "bun:test";
import { readdirSync, readlinkSync, writeSync } from "node:fs";
import { Capture } from "../../../../src/system/process/capture.ts";
import { Drain } from "../../../../src/system/process/drain.ts";
import { closeAll, openPipes } from "../../../../src/system/process/pipe.ts";
import { until } from "../../../support/folder.ts";

/** A pipe with the texts in it. */
function filled(...texts: readonly string[]): { readEnd: number; writeEnd: number } {
  const [pipe] = openPipes(1);
  if (pipe === undefined) throw new Error("no pipe");
  for (const text of texts) writeSync(pipe.writeEnd, text);
  return pipe;
}

/** What each open descriptor is; the one that lists them is gone by then. */
function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });
}

/** What comes out of the pipe, up to the limit. */
function captureOf(readEnd: number, limit: number): { capture: Capture; drain: Drain } {
  const capture = new Capture(limit);
  return { capture, drain: new Drain(readEnd, (chunk) => capture.take(chunk)) };
}

const text = (capture: Capture) => Buffer.concat(capture.captured().chunks).toString();

test("everything up to the end", async () => {
  const { readEnd, writeEnd } = filled("one ", "two");
  closeAll(writeEnd);
  const { capture, drain } = captureOf(readEnd, 100);
  await drain.finish(10_000, 20_000);
  expect(text(capture)).toBe("one two");
  expect(capture.captured().dropped).toBe(0);
});

test.each([
  [7, "one two", 0],
  [6, "one tw", 1],
  [0, "", 7],
])("T15 with room for %d bytes", async (limit, kept, dropped) => {
  const { readEnd, writeEnd } = filled("one two");
  closeAll(writeEnd);
  const { capture, drain } = captureOf(readEnd, limit);
  await drain.finish(10_000, 20_000);
  expect(text(capture)).toBe(kept);
  expect(capture.captured().dropped).toBe(dropped);
});

test("T14 a writer that never closes: what came is kept, the descriptor is let go", async () => {
  const { readEnd, writeEnd } = filled("so far");
  const pipe = readlinkSync(`/proc/self/fd/${readEnd}`);
  const { capture, drain } = captureOf(readEnd, 100);
  await drain.finish(50, 600_000);
  expect(text(capture)).toBe("so far");
  closeAll(writeEnd);
  // Bun reads from a copy of the descriptor, which it closes a moment later.
  await until("the pipe is closed", () => !openFiles().includes(pipe));
});

/** Writes a line now and then; for good, unless a number of times is given. */
function writing(writeEnd: number, condition = ":") {
  const loop = `n=0; while ${condition}; do echo more; n=$((n+1)); sleep 0.05; done; sleep 600`;
  const writer = Bun.spawn(["/bin/sh", "-c", loop], { stdout: writeEnd, stderr: "ignore" });
  closeAll(writeEnd);
  return { [Symbol.dispose]: () => writer.kill("SIGKILL") };
}

test("T14 a writer that never stops is let go as well", async () => {
  const { readEnd, writeEnd } = filled("x");
  using _ = writing(writeEnd);
  const { capture, drain } = captureOf(readEnd, 100_000);
  await drain.finish(200, 400);
  expect(text(capture)).toStartWith("xmore\n");
});

test.each([
  [100_000, 101, 0],
  [3, 3, 98],
])(
  "T14 one that goes on is heard to its end, with room for %d bytes",
  async (limit, kept, dropped) => {
    const { readEnd, writeEnd } = filled("x");
    using _ = writing(writeEnd, "[ $n -lt 20 ]");
    const { capture, drain } = captureOf(readEnd, limit);
    await drain.finish(500, 600_000);
    const captured = capture.captured();
    expect(Buffer.concat(captured.chunks)).toHaveLength(kept);
    expect(captured.dropped).toBe(dropped);
  },
);

test("what is there at the end is read however late it is looked at", async () => {
  const { readEnd, writeEnd } = filled("x".repeat(60_000));
  const { capture, drain } = captureOf(readEnd, 100_000);
  const done = drain.finish(1, 20_000);
  Bun.sleepSync(50);
  await done;
  expect(text(capture)).toHaveLength(60_000);
  closeAll(writeEnd);
});

test("what a script prints by the byte costs not much more than its bytes", async () => {
  const { readEnd, writeEnd } = filled();
  const { capture, drain } = captureOf(readEnd, 2_500);
  // A write each, so that each may be read by itself.
  for (let at = 0; at < 3000; at++) {
    writeSync(writeEnd, String(at % 10));
    await new Promise(setImmediate);
  }
  closeAll(writeEnd);
  await drain.finish(10_000, 20_000);
  const { chunks, dropped } = capture.captured();
  expect(Buffer.concat(chunks).toString()).toBe("0123456789".repeat(250));
  expect(dropped).toBe(500);
  expect(chunks.length).toBeLessThan(20);
});

test("what nobody has waited for is read at the end, and waited for if somebody may print more", async () => {
  const { readEnd, writeEnd } = filled("before ");
  const { capture, drain } = captureOf(readEnd, 100);
  const finished = drain.finish(10_000, 20_000);
  writeSync(writeEnd, "after");
  closeAll(writeEnd);
  await finished;
  expect(text(capture)).toBe("before after");
});

test("what comes after the output was handed over is not in it", async () => {
  const { readEnd, writeEnd } = filled("before");
  const { capture, drain } = captureOf(readEnd, 100);
  void drain.begin();
  await until("it is read", () => capture.captured().chunks.length > 0);
  const { chunks } = capture.captured();
  writeSync(writeEnd, "after");
  await new Promise(setImmediate);
  closeAll(writeEnd);
  await drain.finish(10_000, 20_000);
  expect(chunks).toHaveLength(0);
  expect(text(capture)).toBe("after");
});

test("T15 what is beyond the limit leaves nothing behind but its count", () => {
  const capture = new Capture(3);
  for (const text of ["ab", "cd", "ef"]) capture.take(Buffer.from(text));
  const { chunks, dropped } = capture.captured();
  expect([chunks.map((chunk) => Buffer.from(chunk).toString()), dropped]).toEqual([["ab", "c"], 3]);
  capture.take(Buffer.from("g"));
  expect(capture.captured()).toEqual({ chunks: [], dropped: 4 });
});

/** The first few are kept as they come. */
const LOOSE: readonly number[] = Array(16).fill(1);
const BLOCK = 65_536;
const SMALL = BLOCK / 4;

test.each([
  ["the first few", LOOSE.slice(1), LOOSE.slice(1)],
  ["small ones after those are put together", [...LOOSE, 1, 2], [...LOOSE, 3]],
  ["until a block is full", [...LOOSE, ...Array(4).fill(SMALL)], [...LOOSE, BLOCK]],
  ["and then in the next", [...LOOSE, ...Array(4).fill(SMALL), 1, 1], [...LOOSE, BLOCK, 2]],
  [
    "which takes what had no room",
    [...LOOSE, ...Array(4).fill(SMALL - 1), 5],
    [...LOOSE, BLOCK - 4, 5],
  ],
  ["large ones stay", [...LOOSE, SMALL + 1, SMALL + 1], [...LOOSE, SMALL + 1, SMALL + 1]],
  ["in their order", [...LOOSE, 1, 1, SMALL + 1, 1, 1], [...LOOSE, 2, SMALL + 1, 2]],
])("T15 chunks cost little: %s", (_, lengths, kept) => {
  const capture = new Capture(2 ** 20);
  const all: Buffer[] = lengths.map((length, at) => Buffer.alloc(length, at + 1));
  for (const chunk of all) capture.take(chunk);
  const { chunks } = capture.captured();
  expect(chunks.map(({ length }) => length)).toEqual(kept);
  // A large one is not copied.
  expect(chunks.find(({ length }) => length === SMALL + 1)?.buffer).toBe(
    all.find(({ length }) => length === SMALL + 1)?.buffer,
  );
  expect(Buffer.concat(chunks).equals(Buffer.concat(all))).toBe(true);
});
