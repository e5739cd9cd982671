import { describe, expect, test } from "bun:test";
import {
  asCtrlExecError,
  CtrlExecError,
  DeniedError,
  ERROR_FACTS,
  inOneLine,
  LockedError,
  messageOf,
  reasonOf,
  systemCode,
} from "../../../src/core/errors.ts";

test("the exit statuses and HTTP statuses that callers build on", () => {
  expect(ERROR_FACTS.usage.exit).toBe(2);
  expect(ERROR_FACTS.config.exit).toBe(78);
  expect(ERROR_FACTS.internal.exit).toBe(70);
  expect(ERROR_FACTS.denied).toMatchObject({ exit: 1, http: 403 });
  expect(ERROR_FACTS.locked).toMatchObject({ exit: 1, http: 409 });
  expect(ERROR_FACTS["not-found"].http).toBe(404);
  expect(ERROR_FACTS["bad-request"]).toMatchObject({ exit: 2, http: 400 });
});

test("no error means success, and none is taken for one over HTTP", () => {
  for (const [code, { exit, http }] of Object.entries(ERROR_FACTS)) {
    expect(exit, code).toBeGreaterThan(0);
    expect(exit, code).toBeLessThan(126);
    expect(http, code).toBeGreaterThanOrEqual(400);
    expect(http, code).toBeLessThan(600);
  }
});

test("an error keeps its code, hint and cause apart from its message", () => {
  const cause = new Error("secret detail");
  const error = new CtrlExecError("storage", "Cannot write f: no space", {
    hint: "Free some",
    cause,
  });
  expect(error).toBeInstanceOf(Error);
  expect(error.code).toBe("storage");
  expect(error.hint).toBe("Free some");
  expect(error.cause).toBe(cause);
  expect(error.message).not.toContain("secret");
});

test("without a cause there is no cause property for a logger to print", () => {
  expect("cause" in new CtrlExecError("usage", "m")).toBe(false);
});

test("a denial carries the hook's word and code", () => {
  const error = new DeniedError("bad credentials", 2);
  expect(error).toBeInstanceOf(CtrlExecError);
  expect(error).toMatchObject({
    code: "denied",
    message: "Denied: bad credentials",
    reason: "bad credentials",
    hookCode: 2,
    hint: undefined,
  });
});

test("a denial may have a hint", () => {
  expect(new DeniedError("no", 1, "Ask alice.")).toMatchObject({ hint: "Ask alice." });
});

test("a lock that is held names who holds it, and how to see them", () => {
  expect(new LockedError(["web-01:a", "web-02:a"], "ctrl-exec list-locks")).toMatchObject({
    code: "locked",
    message: "Locked: already running: web-01:a, web-02:a",
    hint: "See: ctrl-exec list-locks",
    conflicts: ["web-01:a", "web-02:a"],
  });
});

test("T67 a reason for a record has no hint, and says once that it was denied", () => {
  expect(reasonOf(new DeniedError("denied", 1, "See /etc/hook."))).toBe("denied");
  expect(reasonOf(new DeniedError("bad credentials", 2))).toBe("denied: bad credentials");
  expect(reasonOf(new CtrlExecError("busy", "Cannot go: why", { hint: "Later." }))).toBe(
    "Cannot go: why",
  );
});

test("in one line the hint is behind the message, without a full stop", () => {
  const error = new CtrlExecError("usage", "Cannot go: why", { hint: "Do this. Then that." });
  expect(inOneLine(error)).toBe("Cannot go: why. Do this. Then that");
  expect(inOneLine(new CtrlExecError("usage", "Cannot go: why"))).toBe("Cannot go: why");
  expect(inOneLine(new Error("x"))).toBe("x");
});

describe("anything thrown becomes one of ours", () => {
  test("one of ours stays itself", () => {
    const error = new DeniedError("no", 1);
    expect(asCtrlExecError(error)).toBe(error);
  });
  test.each([
    ["an error", new TypeError("x is undefined"), "Internal error: x is undefined"],
    ["text", "text", "Internal error: text"],
    ["undefined", undefined, "Internal error: undefined"],
    ["null", null, "Internal error: null"],
    ["an object", { a: 1 }, "Internal error: [object Object]"],
  ])("%s", (_, thrown, message) => {
    const error = asCtrlExecError(thrown);
    expect(error).toMatchObject({ code: "internal", message });
    expect(error.hint).toContain("report");
  });
  test.each([
    ["EAGAIN", "Cannot go on: the limit of processes is reached"],
    ["ENOMEM", "Cannot go on: no memory is left"],
    ["EMFILE", "Cannot go on: this program has too many files open"],
    ["ENFILE", "Cannot go on: this host has too many files open"],
  ])("T65 %s is not a fault of ours, and says what to do", (code, message) => {
    const error = asCtrlExecError(Object.assign(new Error(code), { code }));
    expect(error).toMatchObject({ code: "busy", message });
    expect(error.hint).toStartWith("Try again: ");
  });
});

test.each([
  ["a system error", Object.assign(new Error("x"), { code: "ENOENT" }), "ENOENT"],
  ["anything with a code", { code: "EPIPE" }, "EPIPE"],
  ["a code that is a number", { code: 7 }, ""],
  ["an error without a code", new Error("x"), ""],
  ["text", "ENOENT", ""],
  ["undefined", undefined, ""],
  ["null", null, ""],
])("the system code of %s", (_, thrown, code) => {
  expect(systemCode(thrown)).toBe(code);
});

test("a message of what is not an error", () => {
  expect(messageOf(new Error("m"))).toBe("m");
  expect(messageOf(42)).toBe("42");
});
