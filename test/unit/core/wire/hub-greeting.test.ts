import { expect, test } from "bun:test";
import {
  controlGreeting,
  readGreeting,
  ticketGreeting,
} from "../../../../src/core/wire/hub-greeting.ts";

const TICKET = "0123456789abcdef".repeat(2);
const read = (text: string) => readGreeting(Buffer.from(text, "latin1"));

test("each kind of peer says in one line what it has come for", () => {
  expect(controlGreeting(undefined)).toBe("ctrl-exec-hub/1 control\n");
  expect(read(controlGreeting(undefined))).toEqual({ kind: "control", serial: undefined });
  expect(read(controlGreeting("0a".repeat(20)))).toEqual({
    kind: "control",
    serial: "0a".repeat(20),
  });
  expect(read(`${ticketGreeting(TICKET)}\x16\x03`)).toEqual({
    kind: "ticket",
    ticket: TICKET,
    rest: Buffer.from([0x16, 0x03]),
  });
});

test("it may come in pieces", () => {
  for (const line of [controlGreeting(undefined), controlGreeting("0a"), ticketGreeting(TICKET)]) {
    for (let end = 0; end < line.length; end += 1) expect(read(line.slice(0, end))).toBeUndefined();
  }
});

test.each([
  "\n",
  "\x16\x03\x01\x02\x00\x01",
  "GET / HTTP/1.1\r\n",
  "ctrl-exec-hub/2 control\n",
  "ctrl-exec-hub/1 control\nmore",
  "ctrl-exec-hub/1 control \n",
  "ctrl-exec-hub/1 control abc\n",
  `ctrl-exec-hub/1 control ${"0a".repeat(21)}\n`,
  "ctrl-exec-hub/1 ticket\n",
  `ctrl-exec-hub/1 ticket ${TICKET.toUpperCase()}\n`,
  `ctrl-exec-hub/1 ticket ${TICKET}0\n`,
  `ctrl-exec-hub/1 ticket ${TICKET} \n`,
  `ctrl-exec-hub/1  ticket ${TICKET}\n`,
  `ctrl-exec-hub/1 control ${"0".repeat(60)}`,
])("%j is none, as soon as that is certain", (text) => {
  expect(read(text)).toEqual({ kind: "bad" });
});
