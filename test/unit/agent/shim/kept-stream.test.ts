import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { KeptStream, type Room } from "../../../../src/agent/shim/kept-stream.ts";
import { TestFolder } from "../../../support/folder.ts";

function stream(folder: TestFolder, limit: number, room: Room, name = "stdout") {
  const kept = new KeptStream(folder.join(name), limit, room);
  const print = (text: string) => kept.take(Buffer.from(text));
  return { kept, print, file: () => readFileSync(folder.join(name), "utf8") };
}

test("the file is what was printed, and belongs to its owner alone", () => {
  using folder = new TestFolder();
  const { kept, print, file } = stream(folder, 100, { total: 100, held: 0 });
  expect(existsSync(folder.join("stdout"))).toBe(false);
  print("one ");
  print("two");
  expect(file()).toBe("one two");
  expect(statSync(folder.join("stdout")).mode & 0o777).toBe(0o600);
  expect([kept.kept, kept.printed]).toEqual([7, 7]);
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
  const third = stream(folder, 100, room, "third");
  third.print("xyz");
  expect(third.file()).toBe("xyz");
});

test("a disk that takes no more, or a folder that is gone, is counted as dropped", () => {
  using folder = new TestFolder();
  const { kept, print } = stream(folder, 100, { total: 100, held: 0 }, "no/such/folder");
  print("lost");
  expect([kept.kept, kept.printed]).toEqual([0, 4]);
  const full = new KeptStream("/dev/full", 100, { total: 100, held: 0 });
  full.take(Buffer.from("lost"));
  expect([full.kept, full.printed]).toEqual([0, 4]);
});
