/** Standard output beside standard error, in a process of its own. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { UnreadPipe } from "../../../support/unread.ts";

const LOG = join(import.meta.dir, "../../../../src/system/log");

/** More than a pipe takes at once, and more than may wait before what may be lost is. */
const LONG = 500_000;

const PROGRAM = `
  const { drawStderr, flushStderr, offerStderr, writeStderr } = await import("${LOG}/stderr.ts");
  const { openStdout } = await import("${LOG}/stdout.ts");
  const stdout = openStdout();
  const write = (text) => stdout.write(Buffer.from(text));
  write("a");
  drawStderr("1 of 3");
  drawStderr("");
  write("x".repeat(${LONG}) + "\\n");
  drawStderr("2 of 3");
  writeStderr("the last\\n");
  await Promise.all([stdout.flush(), flushStderr()]);`;

const started = (stdout: number, stderr: number) =>
  Bun.spawn([process.execPath, "-e", PROGRAM], { stdio: ["ignore", stdout, stderr] });

test("T66 of one pipe that is read late, what was written to stderr last is read last", async () => {
  using pipe = new UnreadPipe();
  const child = started(pipe.writeEnd, pipe.writeEnd);
  const text = await pipe.read();
  expect(await child.exited).toBe(0);
  const drawn = "\r\u001b[K1 of 3\r\u001b[K";
  expect(text === `a${drawn}${"x".repeat(LONG)}\nthe last\n`).toBe(true);
});

test("two pipes wait for their own readers", async () => {
  using out = new UnreadPipe();
  using err = new UnreadPipe();
  const child = started(out.writeEnd, err.writeEnd);
  const drawn = "\r\u001b[K1 of 3\r\u001b[K\r\u001b[K2 of 3\r\u001b[K";
  const reading = err.read();
  expect(await out.read()).toHaveLength(LONG + 2);
  expect(await reading).toBe(`${drawn}the last\n`);
  expect(await child.exited).toBe(0);
});
