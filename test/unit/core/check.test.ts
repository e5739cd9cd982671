import { expect, test } from "bun:test";
import { attempt, attemptValue, failed, lifeProblem } from "../../../src/core/check.ts";
import { CtrlExecError } from "../../../src/core/errors.ts";

const END = new Date("2027-06-07T16:28:00Z");
const BEGIN = new Date("2026-06-07T16:28:00Z");

test("an error's own hint is what to do, before what the check knows", () => {
  const error = new CtrlExecError("config", "Cannot read x: y", { hint: "Do z." });
  expect(failed("x", error, "else")).toEqual({
    name: "x",
    ok: false,
    detail: "Cannot read x: y",
    remedy: "Do z.",
  });
  expect(failed("x", new Error("bad"), "else")).toEqual({
    name: "x",
    ok: false,
    detail: "bad",
    remedy: "else",
  });
  expect(failed("x", new Error("bad"))).toEqual({ name: "x", ok: false, detail: "bad" });
});

test("a check that throws has failed", () => {
  const fail = () => {
    throw new Error("bad");
  };
  expect(attempt("x", fail)).toEqual({ name: "x", ok: false, detail: "bad" });
  expect(attempt("x", () => ({ name: "x", ok: true, detail: "" })).ok).toBe(true);
  expect(attemptValue(() => 1)).toEqual({ value: 1, problem: undefined });
  expect(attemptValue(fail)).toEqual({ value: undefined, problem: new Error("bad") });
});

test("a certificate is valid from its beginning to its end, both included", () => {
  const at = (time: number) => lifeProblem({ notBefore: BEGIN, notAfter: END }, new Date(time));
  expect(at(BEGIN.getTime() - 1)).toBe("not valid before Jun  7 16:28:00 2026 GMT");
  expect([at(BEGIN.getTime()), at(END.getTime())]).toEqual([undefined, undefined]);
  expect(at(END.getTime() + 1)).toBe("expired Jun  7 16:28:00 2027 GMT");
});
