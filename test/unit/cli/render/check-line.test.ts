import { expect, test } from "bun:test";
import { checkLine, mendedLine } from "../../../../src/cli/render/check-line.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const { io } = new KeptIo();
const bad = { name: "/x", ok: false };

test("a check is one line, and a path in it is said once", () => {
  expect(checkLine(io, { name: "/x", ok: true, detail: "fine" })).toBe("OK    /x: fine\n");
  const loose = { ...bad, detail: "/x can be written by others", remedy: "chmod o-w /x" };
  expect(checkLine(io, loose)).toBe("FAIL  /x: it can be written by others; chmod o-w /x\n");
  const unread = { ...bad, detail: "Cannot read /x: no such file", remedy: "Restore it." };
  expect(checkLine(io, unread)).toBe("FAIL  /x: no such file. Restore it.\n");
});

test("T74 a line that a file's name would begin is none", () => {
  const line = checkLine(io, { ...bad, detail: "a\nOK    \u001b[31mb" });
  expect(line.match(/\n/g)).toHaveLength(1);
  expect(line).not.toContain("\u001b");
});

test("what was done has its own word, and what could not be done the other", () => {
  expect(mendedLine(io, { name: "x", ok: true, detail: "removed" })).toBe("DONE  x: removed\n");
  expect(mendedLine(io, { ...bad, detail: "no room" })).toBe("FAIL  /x: no room\n");
});
