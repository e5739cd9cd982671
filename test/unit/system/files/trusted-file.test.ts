/** Whose word counts for what this process does with its rights. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync } from "node:fs";
import {
  readTrustedText,
  readTrustedTextIfPresent,
  refuseUntrusted,
} from "../../../../src/system/files/trusted-file.ts";
import { TestFolder } from "../../../support/folder.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

const uid = process.getuid?.() ?? 0;
const STRANGER = 12_345;
const file = folder.write("ctrl-exec.conf", "read_timeout = 5\n");

test("a file of root or of who runs this is read", () => {
  expect(readTrustedText(file)).toBe("read_timeout = 5\n");
  expect(readTrustedText("/etc/passwd", { user: STRANGER })).toContain("root");
});

test("T62 another user's file, or one in another user's folder, is refused", () => {
  const theirs = folder.write("theirs/ctrl-exec.conf", "");
  // As somebody else, what is ours is another's.
  const user = uid === 0 ? undefined : uid + 1;
  if (uid === 0) chownSync(theirs, STRANGER, STRANGER);
  const problem = uid === 0 ? "it belongs to user" : `belongs to user ${uid}, who could replace it`;
  expect(() => readTrustedText(theirs, user === undefined ? {} : { user })).toThrow(problem);
  if (uid !== 0) return;
  chownSync(theirs, 0, 0);
  chownSync(folder.join("theirs"), STRANGER, STRANGER);
  expect(() => readTrustedText(theirs)).toThrow(
    `Cannot use ${theirs}: ${folder.join("theirs")} belongs to user ${STRANGER}`,
  );
});

test.each([
  [0o606, "others"],
  [0o664, "its group"],
  [0o666, "its group and others"],
])("T62 a file of mode %o is refused, the group's right too", (mode, writers) => {
  const open = folder.write(`modes/${mode}.conf`, "", mode);
  expect(() => readTrustedText(open)).toThrow(
    `Cannot use ${open}: it can be written by ${writers} (mode 0${mode.toString(8)})`,
  );
});

test("T62 a folder above it that others can write to is refused, unless it is sticky", () => {
  const inside = folder.write("wide/own/ctrl-exec.conf", "");
  chmodSync(folder.join("wide"), 0o775);
  expect(() => readTrustedText(inside)).toThrow(
    `${folder.join("wide")} can be written by its group`,
  );
  chmodSync(folder.join("wide"), 0o1777);
  expect(readTrustedText(inside)).toBe("");
});

test("T62 a link is judged with all it leads to", () => {
  const real = folder.write("elsewhere/real.conf", "");
  mkdirSync(folder.join("links"));
  const link = folder.join("links", "c.conf");
  symlinkSync(real, link);
  expect(readTrustedText(link)).toBe("");
  chmodSync(folder.join("elsewhere"), 0o777);
  expect(() => readTrustedText(link)).toThrow(`${folder.join("elsewhere")} can be written`);
  chmodSync(folder.join("elsewhere"), 0o755);
  if (uid !== 0) return;
  lchownSync(link, STRANGER, STRANGER);
  expect(() => readTrustedText(link)).toThrow(`belongs to user ${STRANGER}`);
});

test("the group's right to write can be left to who tells of it; everybody's cannot", () => {
  const open = folder.write("group/agent.conf", "port = 1\n", 0o664);
  expect(readTrustedText(open, { groupMayWrite: true })).toBe("port = 1\n");
  chmodSync(open, 0o666);
  expect(() => readTrustedText(open, { groupMayWrite: true })).toThrow("can be written by others");
});

test("what is not there is not refused: others cannot put it there", () => {
  refuseUntrusted(folder.join("absent", "ca.key"));
});

test("only the file that need not be there may be missing", () => {
  const nowhere = folder.join("nowhere");
  expect(readTrustedTextIfPresent(nowhere)).toBeUndefined();
  expect(() => readTrustedText(nowhere)).toThrow(`Cannot read ${nowhere}: no such file or folder`);
  // Not being allowed to look is not the same as nothing being there.
  expect(() => readTrustedTextIfPresent(`${file}/below`)).toThrow(
    "a part of its path is not a folder",
  );
});

test("a file without end, or of another kind, is refused unread", () => {
  expect(() => readTrustedText("/dev/zero")).toThrow("Cannot use /dev/zero: ");
  expect(() => readTrustedText("/proc/self/cmdline")).toThrow("differs from process to process");
  expect(() => readTrustedText("/sys/kernel/uevent_seqnum")).toThrow("it is not a plain file");
  expect(() => readTrustedText(folder.path)).toThrow(/it is a folder/);
  const long = folder.write("long.conf", "#".repeat(1_048_577));
  expect(() => readTrustedText(long)).toThrow(/longer than 1 MiB/);
});
