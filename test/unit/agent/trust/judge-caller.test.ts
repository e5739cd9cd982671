import { expect, test } from "bun:test";
import { judgeCaller } from "../../../../src/agent/trust/judge-caller.ts";

const KNOWN = { proven: "a1", provisional: "b2", provenName: "ops" };
/** Of 0.8: a common name and nothing else. */
const unmarked = (serial: string, commonName: string) => ({ serial, commonName, dnsNames: [] });
const marked = (serial: string, name: string) => ({ serial, commonName: name, dnsNames: [name] });

test.each([
  ["another serial", unmarked("c3", "ctrl-exec"), undefined],
  [
    "an agent's, under the proven serial",
    marked("a1", "db-01"),
    "the certificate is that of db-01",
  ],
  ["an agent's, under the new one", marked("b2", "db-01"), "the certificate is that of db-01"],
  [
    "a name that has not called",
    unmarked("b2", "db"),
    "nothing distinguishes the certificate of db from an agent's",
  ],
  [
    "no name at all",
    unmarked("b2", ""),
    "nothing distinguishes the certificate of nobody from an agent's",
  ],
])("refused: %s", (_, caller, reason) => {
  expect(judgeCaller(caller, KNOWN)).toEqual({ kind: "refused", reason });
});

test.each([
  ["the proven serial, under any name", unmarked("a1", "any"), false],
  ["the proven serial", marked("a1", "ctrl-exec"), false],
  ["the new one with the reserved name", marked("b2", "ctrl-exec"), true],
  ["the new one with the name that has called", unmarked("b2", "ops"), true],
])("trusted: %s", (_, caller, proves) => {
  expect(judgeCaller(caller, KNOWN)).toEqual({ kind: "trusted", proves });
});

test("while no serial is known nobody is trusted", () => {
  const none = { proven: undefined, provisional: undefined, provenName: undefined };
  expect(judgeCaller(unmarked("a1", "ctrl-exec"), none)).toMatchObject({ kind: "refused" });
});
