import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Outlet } from "../../../../src/system/log/outlet.ts";
import { readyWriteTo } from "../../../../src/system/log/ready-write.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { UnreadPipe } from "../../../support/unread.ts";

const source = (file: string) =>
  JSON.stringify(join(import.meta.dir, "../../../../src/system/log", file));

/** Writes numbered lines to stderr until one is refused, says how many, and again when all are out. */
const WRITER = `
const { appendFileSync, readFileSync } = await import("node:fs");
const { Outlet } = await import(${source("outlet.ts")});
const { readyWriteTo } = await import(${source("ready-write.ts")});
const outlet = new Outlet(() => readyWriteTo(2));
const report = (text) => appendFileSync(process.argv[1], text + "\\n");
process.once("SIGTERM", () => process.exit(7));
report("ready");
let lines = 0;
while (outlet.offer(Buffer.from("line " + lines + " " + "x".repeat(200) + "\\n"))) {
  lines += 1;
  await new Promise(setImmediate);
}
const flags = parseInt(/flags:\\s+(\\d+)/.exec(readFileSync("/proc/self/fdinfo/2", "utf8"))[1], 8);
report("behind " + lines + ((flags & 0o4000) === 0 ? "" : " and changed the flags"));
await outlet.flush();
report("flushed");
process.exit(outlet.failure === undefined ? 0 : 1);
`;

let folder: TestFolder;
beforeAll(() => {
  folder = new TestFolder();
});
afterAll(() => folder[Symbol.dispose]());

/** @param as a user to write as, where the test may choose one */
function writerCommand(report: string, as?: number): string[] {
  const user = as === undefined ? [] : ["setpriv", `--reuid=${as}`, "--clear-groups"];
  return [...user, process.execPath, "-e", WRITER, report];
}

const reported = (report: string) => (existsSync(report) ? readFileSync(report, "utf8") : "");

async function behind(report: string): Promise<number> {
  await until("the writer is behind", () => reported(report).includes("behind"));
  const [, lines, flags] = /behind (\d+)(.*)\n/.exec(reported(report)) ?? [];
  expect(flags).toBe("");
  return Number(lines);
}

function expectLines(text: string, lines: number): void {
  const seen = text.trimEnd().split(/\r?\n/);
  expect(seen.map((line) => Number(line.split(" ")[1]))).toEqual(
    Array.from({ length: lines }, (_, index) => index),
  );
}

describe("T66 a reader that does not read stops nothing, and gets everything when it does", () => {
  test("a pipe", async () => {
    using pipe = new UnreadPipe();
    const report = folder.write("pipe", "");
    const child = Bun.spawn(writerCommand(report), { stderr: pipe.writeEnd });
    const lines = await behind(report);
    expectLines(await pipe.read(), lines);
    expect(await child.exited).toBe(0);
  });

  test("a socket", async () => {
    const report = folder.write("socket", "");
    const child = Bun.spawn(writerCommand(report), { stderr: "pipe" });
    const lines = await behind(report);
    expectLines(await new Response(child.stderr).text(), lines);
    expect(await child.exited).toBe(0);
  });

  test("a terminal that was stopped", async () => {
    let screen = "";
    const terminal = new Bun.Terminal({
      data: (_, chunk) => {
        screen += Buffer.from(chunk).toString("latin1");
      },
    });
    const report = folder.write("terminal", "");
    const child = Bun.spawn(writerCommand(report), { terminal });
    await until("the writer is there", () => reported(report) !== "");
    terminal.write("\u0013");
    const lines = await behind(report);
    terminal.write("\u0011");
    expect(await child.exited).toBe(0);
    await until("the screen has the last line", () => screen.includes(`line ${lines - 1} `));
    expectLines(screen.replaceAll(/\^[SQ]/g, ""), lines);
    terminal.close();
  });

  test("SIGTERM ends who waits for it", async () => {
    using pipe = new UnreadPipe();
    const report = folder.write("stopped", "");
    const child = Bun.spawn(writerCommand(report), { stderr: pipe.writeEnd });
    await behind(report);
    child.kill();
    expect(await child.exited).toBe(7);
  });
});

describe("a descriptor that cannot be opened again", () => {
  // Another user's pipe; without the right to be another user, a socket, which nobody can open anew.
  test("T66 is asked before each write", async () => {
    using pipe = new UnreadPipe();
    const asRoot = process.getuid?.() === 0;
    const report = folder.write("foreign", "", 0o666);
    const command = writerCommand(report, asRoot ? 65_534 : undefined);
    const child = Bun.spawn(command, { stderr: asRoot ? pipe.writeEnd : "pipe" });
    const lines = await behind(report);
    const stream = child.stderr instanceof ReadableStream ? child.stderr : undefined;
    expectLines(
      stream === undefined ? await pipe.read() : await new Response(stream).text(),
      lines,
    );
    expect(await child.exited).toBe(0);
  });
});

describe("an outlet", () => {
  const behindReader = () => {
    const taken: string[] = [];
    let room = 0;
    const outlet = new Outlet<string>(() => (item) => {
      const part = item.slice(0, room);
      room -= part.length;
      if (part !== "") taken.push(part);
      return part.length === item.length ? undefined : item.slice(part.length);
    });
    return { outlet, taken, allow: (count: number) => (room = count) };
  };

  test("hands on in order, in parts when it must", async () => {
    const { outlet, taken, allow } = behindReader();
    allow(3);
    outlet.write("ab");
    outlet.write("cdef");
    outlet.write("g");
    expect(taken).toEqual(["ab", "c"]);
    allow(100);
    await outlet.flush();
    expect(taken).toEqual(["ab", "c", "def", "g"]);
  });

  test("is flushed when the only item that waits is out, and not before", async () => {
    const { outlet, taken, allow } = behindReader();
    outlet.write("a");
    const flushed = outlet.flush().then(() => [...taken]);
    await new Promise(setImmediate);
    allow(1);
    expect(await flushed).toEqual(["a"]);
  });

  test("gives back what waits", async () => {
    const { outlet } = behindReader();
    outlet.write("a");
    outlet.write("b");
    expect(outlet.giveUp()).toEqual(["a", "b"]);
    await outlet.flush();
  });

  test("T72 output without end waits while much is unread, and no longer", async () => {
    const { outlet, allow } = behindReader();
    const told: string[] = [];
    const write = async (name: string) => {
      outlet.write("x".repeat(200_000));
      await outlet.room();
      told.push(name);
    };
    await write("first");
    const second = write("second");
    await Bun.sleep(50);
    expect(told).toEqual(["first"]);
    allow(150_000);
    await second;
    const third = write("third");
    outlet.giveUp();
    await third;
  });

  test("who waits for room is told that there is no reader any more", async () => {
    let gone = false;
    const outlet = new Outlet<string>(() => (item) => {
      if (gone) throw new Error("gone");
      return item;
    });
    outlet.write("x".repeat(300_000));
    const room = outlet.room();
    gone = true;
    await room;
    expect(outlet.failure).toEqual(new Error("gone"));
  });

  test("tells of a failure, and tries the next one all the same", async () => {
    let full = true;
    const outlet = new Outlet<string>(() => () => {
      if (full) throw new Error("full");
      return undefined;
    });
    expect(outlet.offer("a")).toBe(false);
    expect(outlet.failure).toEqual(new Error("full"));
    await outlet.flush();
    full = false;
    expect(outlet.offer("b")).toBe(true);
    expect(outlet.failure).toBeUndefined();
  });

  test("a pipe whose reader has gone is a failure with its code", async () => {
    const pipe = new UnreadPipe();
    const write = readyWriteTo(pipe.writeEnd);
    const outlet = new Outlet(() => write);
    pipe[Symbol.dispose]();
    expect(outlet.offer(Buffer.from("x"))).toBe(false);
  });
});
