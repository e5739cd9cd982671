import { expect, test } from "bun:test";
import { logDestinations } from "../../../../src/cli/command/log-option.ts";

const SYSLOG = "/dev/log";

test.each([
  [undefined, false, [SYSLOG]],
  ["syslog", false, [SYSLOG]],
  ["stderr", false, ["stderr"]],
  ["/run/log", false, ["/run/log"]],
  [undefined, true, [SYSLOG]],
  ["stderr", true, ["stderr", SYSLOG]],
  ["/run/log", true, ["/run/log", SYSLOG]],
])("--log %p with lent rights %p goes to %p", (value, lent, destinations) => {
  expect([...logDestinations(value, lent)] as string[]).toEqual(destinations);
});

test("--log takes nothing relative", () => {
  expect(() => logDestinations("log", false)).toThrow("an absolute path");
});
