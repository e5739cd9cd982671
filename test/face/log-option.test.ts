import { expect, test } from "bun:test";
import { logDestinations } from "../../src/cli/log-option.ts";

const SYSLOG = "/dev/log";

test.each([
  [undefined, undefined, [SYSLOG]],
  ["syslog", undefined, [SYSLOG]],
  ["stderr", undefined, ["stderr"]],
  ["/run/log", undefined, ["/run/log"]],
  ["stderr", "0", ["stderr"]],
  [undefined, "1000", [SYSLOG]],
  ["stderr", "1000", ["stderr", SYSLOG]],
  ["/run/log", "1000", ["/run/log", SYSLOG]],
])("--log %p for the sudo user %p goes to %p", (value, sudoUser, destinations) => {
  expect([...logDestinations(value, sudoUser)] as string[]).toEqual(destinations);
});

test("--log takes nothing relative", () => {
  expect(() => logDestinations("log", undefined)).toThrow("an absolute path");
});
