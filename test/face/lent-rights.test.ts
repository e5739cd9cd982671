import { expect, test } from "bun:test";
import { areRightsLent, callerVariables } from "../../src/cli/lent-rights.ts";

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
  const env = { SUDO_UID: "1000", DOAS_USER: "alice", BUN_OPTIONS: "x", HOME: "/home/alice" };
  expect(callerVariables(env)).toEqual({
    SUDO_UID: "1000",
    DOAS_USER: "alice",
    PKEXEC_UID: undefined,
  });
});
