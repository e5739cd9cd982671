/** T68 whether a certificate of another host's making is valid by this host's clock. */
import { expect, test } from "bun:test";
import { shortageOf } from "../../../src/core/shortage.ts";
import { lifeProblem, validityProblem } from "../../../src/core/validity.ts";
import { VERSION, versionText } from "../../../src/core/version.ts";

const FROM = new Date("2026-01-01T00:00:00Z");
const UNTIL = new Date("2026-02-01T00:00:00Z");

const problemAt = (time: string) =>
  validityProblem({ notBefore: FROM, notAfter: UNTIL }, new Date(time));

test("T68 it is valid from its first moment on, and no longer at its last", () => {
  expect(problemAt("2025-12-31T23:59:59Z")).toBe(
    "is not valid yet: it begins Jan  1 00:00:00 2026 GMT, and this host's clock says Dec 31 23:59:59 2025 GMT. The control host's clock is ahead, or this host's is behind; check the clocks of both hosts",
  );
  expect(problemAt("2026-01-01T00:00:00Z")).toBeUndefined();
  expect(problemAt("2026-01-31T23:59:59Z")).toBeUndefined();
  expect(problemAt("2026-02-01T00:00:00Z")).toBe(
    "has expired: it ended Feb  1 00:00:00 2026 GMT, and this host's clock says Feb  1 00:00:00 2026 GMT. The control host's clock is behind, or this host's is ahead; check the clocks of both hosts",
  );
});

test("T65 a code that says nothing of a shortage is none", () => {
  expect(shortageOf("ENOMEM")?.problem).toBe("no memory is left");
  for (const code of ["", "ENOENT", "constructor", "__proto__"]) {
    expect(shortageOf(code)).toBeUndefined();
  }
});

test("sources that run directly were built from no commit", () => {
  expect(versionText()).toBe(VERSION);
});

const END = new Date("2027-06-07T16:28:00Z");
const BEGIN = new Date("2026-06-07T16:28:00Z");

test("a certificate is valid from its beginning to its end, both included", () => {
  const at = (time: number) => lifeProblem({ notBefore: BEGIN, notAfter: END }, new Date(time));
  expect(at(BEGIN.getTime() - 1)).toBe("not valid before Jun  7 16:28:00 2026 GMT");
  expect([at(BEGIN.getTime()), at(END.getTime())]).toEqual([undefined, undefined]);
  expect(at(END.getTime() + 1)).toBe("expired Jun  7 16:28:00 2027 GMT");
});
