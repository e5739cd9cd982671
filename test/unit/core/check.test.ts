import { expect, test } from "bun:test";
import { attempt, attemptValue, failed } from "../../../src/core/check.ts";
import { CtrlExecError } from "../../../src/core/errors.ts";

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
