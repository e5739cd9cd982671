import { expect, test } from "bun:test";
import { readlinkSync, writeSync } from "node:fs";
import { Drain } from "../../../../src/system/process/drain.ts";
import { closeAll, openPipes } from "../../../../src/system/process/pipe.ts";
import { until } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const MORE = "x".repeat(4096);

function drained() {
  const [pipe] = openPipes(1);
  if (pipe === undefined) throw new Error("no pipe");
  const taken: string[] = [];
  /** Each time that something is taken, more is written. */
  const answers = { again: false };
  const drain = new Drain(pipe.readEnd, (chunk) => {
    taken.push(Buffer.from(chunk).toString());
    if (answers.again) write(MORE);
  });
  const name = readlinkSync(`/proc/self/fd/${pipe.readEnd}`);
  const isOpen = () => openFiles(process.pid).includes(name);
  const write = (text: string) => writeSync(pipe.writeEnd, text);
  const closed = () =>
    until("nobody reads it any more", () => {
      try {
        return write("more") === 0;
      } catch {
        return true;
      }
    });
  return { drain, write, taken, pipe, isOpen, closed, answers };
}

test("what has come is taken to its end at once, and the stream is closed", async () => {
  const { drain, write, taken, pipe, isOpen } = drained();
  write("a".repeat(65_536));
  closeAll(pipe.writeEnd);
  await drain.finish();
  expect(taken.join("")).toBe("a".repeat(65_536));
  expect(isOpen()).toBe(false);
});

test("what comes is taken as it comes, once somebody has begun", async () => {
  const { drain, write, taken, pipe, isOpen } = drained();
  write("one");
  expect(taken).toEqual([]);
  const done = drain.begin();
  while (taken.length === 0) await Bun.sleep(1);
  write("two");
  while (taken.length === 1) await Bun.sleep(1);
  expect(taken).toEqual(["one", "two"]);
  closeAll(pipe.writeEnd);
  await done;
  await drain.finish();
  await until("it is closed", () => !isOpen());
});

test.each([
  ["that was not read before", false],
  ["that is being read", true],
])(
  "T14 a stream %s and that another process holds is closed once it is quiet",
  async (_, begun) => {
    const { drain, write, taken, pipe, closed } = drained();
    if (begun) void drain.begin();
    write("kept");
    await drain.finish(30, 60_000);
    expect(taken).toEqual(["kept"]);
    await closed();
    closeAll(pipe.writeEnd);
  },
);

test("T14 one on which more comes all the time is closed after a time in any case", async () => {
  const { drain, write, taken, pipe, closed, answers } = drained();
  answers.again = true;
  write(MORE);
  const began = performance.now();
  await drain.finish(100, 150);
  const took = performance.now() - began;
  expect(took).toBeGreaterThanOrEqual(150);
  expect(taken.length).toBeGreaterThan(1);
  await closed();
  closeAll(pipe.writeEnd);
});
