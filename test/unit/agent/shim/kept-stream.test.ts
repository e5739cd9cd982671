import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { JobFolder } from "../../../../src/agent/jobs/job-folder.ts";
import { KeptStream, type Room } from "../../../../src/agent/shim/kept-stream.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

function stream(folder: TestFolder, limit: number, room: Room, name = "stdout", secret = "") {
  const kept = new KeptStream(folder.join(name), limit, room, secret);
  const print = (text: string) => kept.take(Buffer.from(text));
  return { kept, print, file: () => readFileSync(folder.join(name), "utf8") };
}

test("the file is what was printed, and belongs to its owner alone", () => {
  using folder = new TestFolder();
  const { kept, print, file } = stream(folder, 100, { total: 100, held: 0 });
  print("");
  expect(existsSync(folder.join("stdout"))).toBe(false);
  print("one ");
  print("two");
  expect(file()).toBe("one two");
  expect(statSync(folder.join("stdout")).mode & 0o777).toBe(0o600);
  expect([kept.kept, kept.printed]).toEqual([7, 7]);
});

test("a stream that is silent has no file", () => {
  using folder = new TestFolder();
  const { kept } = stream(folder, 100, { total: 100, held: 0 });
  kept.end();
  kept.close();
  expect(existsSync(folder.join("stdout"))).toBe(false);
});

test("T72 a stream of which nothing may be kept has no file, and one of a byte has that", () => {
  using folder = new TestFolder();
  const room = { total: 1, held: 0 };
  const none = stream(folder, 0, room, "none");
  none.print("abc");
  expect([existsSync(folder.join("none")), none.kept.printed]).toEqual([false, 3]);
  const one = stream(folder, 5, room, "one");
  one.print("abc");
  expect([one.file(), one.kept.kept, one.kept.printed]).toEqual(["a", 1, 3]);
  // More than there is room for may be held: the room was made smaller.
  room.total = 0;
  const other = stream(folder, 5, room, "other");
  other.print("abc");
  expect([existsSync(folder.join("other")), other.kept.printed]).toEqual([false, 3]);
  one.kept.close();
  expect(openFiles(process.pid)).not.toContain(folder.join("one"));
});

test("T72 it keeps a beginning without gaps, and counts the rest", () => {
  using folder = new TestFolder();
  const { kept, print, file } = stream(folder, 5, { total: 100, held: 0 });
  print("abc");
  print("defg");
  print("h");
  expect(file()).toBe("abcde");
  expect([kept.kept, kept.printed]).toEqual([5, 8]);
});

test("T72 all jobs share the room, and give back what they held", () => {
  using folder = new TestFolder();
  const room = { total: 8, held: 0 };
  const one = stream(folder, 100, room, "one");
  const other = stream(folder, 100, room, "other");
  one.print("12345");
  other.print("abcde");
  expect([one.file(), other.file()]).toEqual(["12345", "abc"]);
  one.kept.close();
  expect(room.held).toBe(3);
  // There is room again, but not for what would follow a gap.
  other.print("fg");
  expect([other.file(), other.kept.printed]).toEqual(["abc", 7]);
  // Also if that was a single byte.
  room.total = 4;
  const byte = stream(folder, 100, room, "byte");
  byte.print("12");
  room.total = 8;
  byte.print("3");
  expect([byte.file(), byte.kept.printed]).toEqual(["1", 3]);
  byte.kept.close();
  const third = stream(folder, 100, room, "third");
  third.print("xyz");
  expect(third.file()).toBe("xyz");
});

test("a disk that takes no more, or a folder that is gone, is counted as dropped", () => {
  using folder = new TestFolder();
  const { kept, print } = stream(folder, 100, { total: 100, held: 0 }, "no/such/folder");
  print("lost");
  expect([kept.kept, kept.printed]).toEqual([0, 4]);
  const full = new KeptStream("/dev/full", 100, { total: 100, held: 0 }, "");
  full.take(Buffer.from("lost"));
  expect([full.kept, full.printed]).toEqual([0, 4]);
});

test("T72 what a full disk takes of it is kept, and the rest is dropped", () => {
  using folder = new TestFolder();
  const module = join(import.meta.dir, "../../../../src/agent/shim/kept-stream.ts");
  const code = `const { KeptStream } = await import(${JSON.stringify(module)});
    const room = { total: 1e6, held: 0 };
    const stream = new KeptStream(${JSON.stringify(folder.join("f"))}, 1e6, room, "");
    for (const length of [50_000, 60_000, 1]) stream.take(Buffer.alloc(length, "x"));
    console.log(stream.kept, stream.printed, room.held);`;
  // Between 50,000 and 110,000 bytes, whatever the shell's blocks are.
  const limited = ["/bin/sh", "-c", 'trap "" XFSZ; ulimit -f 100; exec "$0" -e "$1"'];
  const { stdout } = Bun.spawnSync([...limited, process.execPath, code]);
  const { size } = statSync(folder.join("f"));
  expect(size).toBeGreaterThan(50_000);
  expect(size).toBeLessThan(110_000);
  expect(stdout.toString()).toBe(`${size} 110001 ${size}\n`);
});

describe("T27 a token that is printed", () => {
  const TOKEN = "s3cret-12";
  const MARK = "[token]**";
  const LARGE = { total: 2 ** 20, held: 0 };

  /** What somebody reads who does not have the token, in pieces. */
  function shown(folder: TestFolder, length: number): string {
    const job = new JobFolder(folder.path);
    let text = "";
    for (let offset = 0; ; ) {
      const piece = Buffer.alloc(length);
      const read = job.readOutput("stdout", offset, piece, true);
      if (read === 0) return text;
      text += piece.toString("utf8", 0, read);
      offset += read;
    }
  }

  test("is in the file, and hidden from whoever reads it later, however it was cut", () => {
    for (const size of [1, 4, 9, 1000]) {
      using folder = new TestFolder();
      const { kept, print, file } = stream(folder, 1000, LARGE, "stdout", TOKEN);
      const text = `a ${TOKEN}s3c\n${TOKEN}${TOKEN} b s3cret-1`;
      for (let at = 0; at < text.length; at += size) print(text.slice(at, at + size));
      kept.end();
      expect(file()).toBe(text);
      for (const length of [1, 5, 1000]) {
        expect(shown(folder, length)).toBe(`a ${MARK}s3c\n${MARK}${MARK} b s3cret-1`);
      }
      expect(statSync(folder.join("stdout.tokens")).mode & 0o777).toBe(0o600);
    }
  });

  test("of which only the beginning is kept is hidden too", () => {
    using folder = new TestFolder();
    const { kept, print, file } = stream(folder, 6, LARGE, "stdout", TOKEN);
    print("abc");
    print(TOKEN);
    kept.end();
    expect(file()).toBe("abcs3c");
    expect(shown(folder, 100)).toBe("abc[to");
    expect(kept.printed).toBe(12);
  });

  test("where nothing of it is kept is not noted, nor is one that was not printed", () => {
    using folder = new TestFolder();
    const { kept, print, file } = stream(folder, 3, LARGE, "stdout", TOKEN);
    print("abc");
    print(`${TOKEN} ${TOKEN}`);
    kept.end();
    expect(file()).toBe("abc");
    expect(existsSync(folder.join("stdout.tokens"))).toBe(false);
  });

  test("again and again is not kept any more", () => {
    using folder = new TestFolder();
    const { kept, print, file } = stream(folder, 10_000, LARGE, "stdout", TOKEN);
    for (let time = 0; time < 400; time++) print(TOKEN);
    kept.end();
    expect(file().split(TOKEN)).toHaveLength(257);
    expect(shown(folder, 10_000)).toBe(MARK.repeat(400));
  });

  test("is not kept where it cannot be noted", () => {
    using folder = new TestFolder();
    const { kept, print, file } = stream(folder, 100, LARGE, "stdout", TOKEN);
    mkdirSync(folder.join("stdout.tokens"));
    print(`a${TOKEN}b`);
    kept.end();
    expect(file()).toBe(`a${MARK}b`);
  });
});
