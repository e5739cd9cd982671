import { expect, test } from "bun:test";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import { knownSerials } from "../../../../src/controller/trust/known-serials.ts";
import type { Serial } from "../../../../src/core/serial.ts";

const issued = (...serials: string[]) => ({
  certificates: serials.map((serial) => ({ serial: serial as Serial, notAfter: new Date(0) })),
  unread: undefined,
});
const record = (serial: string) => ({ serial }) as AgentRecord;

test("what was signed and what the record has, each once", () => {
  expect(knownSerials(record("a1"), issued("b2", "c3"))).toEqual(["b2", "c3", "a1"] as Serial[]);
  expect(knownSerials(record("b2"), issued("b2", "c3"))).toEqual(["b2", "c3"] as Serial[]);
});

test("without a record, or a serial in it, what was signed; and nothing if nothing is known", () => {
  expect(knownSerials(undefined, issued("b2"))).toEqual(["b2"] as Serial[]);
  expect(knownSerials(record(""), issued("b2"))).toEqual(["b2"] as Serial[]);
  expect(knownSerials(record(""), issued())).toEqual([]);
});
