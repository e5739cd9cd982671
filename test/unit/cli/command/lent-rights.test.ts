import { describe, expect, test } from "bun:test";
import { callersOf } from "../../../../src/cli/command/callers.ts";
import { areRightsLent, callerVariables, lentTo } from "../../../../src/cli/command/lent-rights.ts";

test.each([
  [{}, 0, 0, false],
  [{}, 1000, 1000, false],
  [{ SUDO_UID: "1000" }, 0, 0, true],
  [{ DOAS_USER: "alice" }, 0, 0, true],
  [{ PKEXEC_UID: "1000" }, 0, 0, true],
  [{ SUDO_UID: "1000" }, 998, 998, true],
  [{ SUDO_UID: "0" }, 0, 0, false],
  [{ SUDO_UID: "0" }, 998, 998, false],
  [{ DOAS_USER: "root" }, 0, 0, false],
  [{ SUDO_UID: "1000" }, 1000, 1000, false],
  [{ SUDO_UID: "" }, 0, 0, true],
  [{ SUDO_UID: "0", DOAS_USER: "alice" }, 0, 0, true],
  // A setuid bit.
  [{}, 1000, 0, true],
])("T62 with %p, called by %p as %p: lent is %p", (env, real, effective, lent) => {
  expect(areRightsLent(env, real, effective)).toBe(lent);
});

test("T62 what goes on in the background is told whose rights it uses", () => {
  const env = { SUDO_UID: "1000", SUDO_USER: "alice", DOAS_USER: "alice", HOME: "/home/alice" };
  expect(callerVariables(env)).toEqual({
    SUDO_UID: "1000",
    SUDO_USER: "alice",
    DOAS_USER: "alice",
    PKEXEC_UID: undefined,
  });
});

test("T62 every lender's word counts: a caller may choose what one of them says", () => {
  const env = { SUDO_UID: "1001", DOAS_USER: "alice", PKEXEC_UID: "0" };
  expect(lentTo(env, 0, 0)).toEqual(["1001", "alice"]);
  expect(lentTo({}, 1000, 0)).toEqual(["1000"]);
});

describe("T62 who was let in", () => {
  test.each([
    [{}, undefined, undefined],
    [{ SUDO_UID: "12345", SUDO_USER: "alice" }, "alice", 12_345],
    [{ SUDO_UID: "12345" }, "12345", 12_345],
    [{ PKEXEC_UID: "1" }, "daemon", 1],
    [{ DOAS_USER: "daemon" }, "daemon", 1],
    // A name that tells no id may use no file.
    [{ DOAS_USER: "nobody-at-all" }, "nobody-at-all", Number.NaN],
    [{ SUDO_UID: "", SUDO_USER: "" }, "unknown", Number.NaN],
    [{ SUDO_UID: "1", SUDO_USER: "daemon", DOAS_USER: "daemon" }, "daemon", 1],
    [{ SUDO_UID: "12345", SUDO_USER: "alice", DOAS_USER: "daemon" }, "alice,daemon", Number.NaN],
    // What sudo did not say of this caller names nobody.
    [{ SUDO_UID: "0", SUDO_USER: "mallory", DOAS_USER: "daemon" }, "daemon", 1],
  ])("with %p is %p, user %p", (env, names, id) => {
    expect(callersOf(env, 0, 0)).toEqual({ names, id });
  });

  test("what a caller says in sudo's name hides nobody", () => {
    const forged = { SUDO_UID: "daemon", SUDO_USER: "mallory", DOAS_USER: "daemon" };
    expect(callersOf(forged, 0, 0).names).toBe("mallory,daemon");
    // A setuid bit.
    expect(callersOf({ SUDO_UID: "1", SUDO_USER: "mallory" }, 1, 0).names).toBe("mallory,daemon");
    expect(callersOf({ PKEXEC_UID: "1", SUDO_UID: "1", SUDO_USER: "mallory" }, 0, 0).names).toBe(
      "mallory,daemon",
    );
    expect(callersOf({ DOAS_USER: "daemon", SUDO_USER: "mallory" }, 0, 0).names).toBe("daemon");
  });
});
