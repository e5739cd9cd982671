import { expect, test } from "bun:test";
import { mkdirSync, rmdirSync, rmSync } from "node:fs";
import { RevokedSerials } from "../../../../src/agent/trust/revoked-serials.ts";
import { TestFolder } from "../../../support/folder.ts";

/** Which of these serials are refused. */
function refused(revoked: RevokedSerials): string[] {
  return ["0a1b", "0a1c", "0a1d"].filter((serial) => revoked.has(serial));
}

test("a list with a line that is not a serial is not taken at the start", () => {
  using folder = new TestFolder();
  const path = folder.write("revoked-serials", "0a1b\nnot one\n# fine\nnor this\n");
  expect(() => new RevokedSerials(path)).toThrow(
    expect.objectContaining({
      code: "config",
      message: `Cannot use ${path}: lines 2, 4 are not serials`,
      hint: "One serial in hex on each line; # begins a comment.",
    }),
  );
});

test("while a line cannot be read, nothing that was refused is let in, and what can be read counts too", () => {
  using folder = new TestFolder();
  const write = (text: string) => folder.write("revoked-serials", text);
  const revoked = new RevokedSerials(write("0a1b\n"));
  const look = (text: string) => {
    write(text);
    revoked.look();
    return refused(revoked);
  };
  expect(refused(revoked)).toEqual(["0a1b"]);
  // A slip in the only line, then another serial beside it, then in its place.
  expect(look("0a1b lost with a laptop\n")).toEqual(["0a1b"]);
  expect(look("0a1b lost with a laptop\n0a1c\n")).toEqual(["0a1b", "0a1c"]);
  expect(look("0a1b lost with a laptop\n0a1d\n")).toEqual(["0a1b", "0a1c", "0a1d"]);
  expect(revoked.badLines).toBe(`${folder.join("revoked-serials")}: line 1 is not a serial`);
  // Read whole again, it says all: also who is let in again.
  expect(look("0a1b # lost with a laptop\n")).toEqual(["0a1b"]);
  expect(revoked.badLines).toBeUndefined();
});

test("a list that is empty or not there refuses nobody", () => {
  using folder = new TestFolder();
  const path = folder.join("revoked-serials");
  const revoked = new RevokedSerials(path);
  expect([revoked.present, refused(revoked)]).toEqual([false, []]);
  folder.write("revoked-serials", "0a1b\n");
  revoked.look();
  expect([revoked.present, refused(revoked)]).toEqual([true, ["0a1b"]]);
  folder.write("revoked-serials", "");
  revoked.look();
  expect([revoked.present, refused(revoked)]).toEqual([true, []]);
  folder.write("revoked-serials", "0a1b\nslip of the pen\n");
  revoked.look();
  rmSync(path);
  revoked.look();
  expect([revoked.present, refused(revoked)]).toEqual([false, []]);
  expect(revoked.badLines).toBeUndefined();
});

test("what has gone wrong with the list since is told, and it stays in force until it can be read", () => {
  using folder = new TestFolder();
  const path = folder.write("revoked-serials", "0a1b\n0a1c\n");
  const revoked = new RevokedSerials(path);
  expect([revoked.named, revoked.text, revoked.problem]).toEqual([2, "0a1b\n0a1c\n", undefined]);
  rmSync(path);
  mkdirSync(path);
  revoked.look();
  expect(revoked.problem).toBe(`Cannot read ${path}: it is a folder`);
  expect([refused(revoked), revoked.named]).toEqual([["0a1b", "0a1c"], 2]);
  rmdirSync(path);
  folder.write("revoked-serials", "0a1d\n");
  revoked.look();
  expect([refused(revoked), revoked.problem]).toEqual([["0a1d"], undefined]);
});
