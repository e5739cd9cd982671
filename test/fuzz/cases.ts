/**
 * Inputs that once stopped a parser, and what is like them, in every run. What `make fuzz` finds is added
 * here, written as a pattern where it is large.
 */
import { HEADERS_WITHOUT_END } from "../support/hostile-pem.ts";
import { MAX_BYTES, repeated } from "./inputs.ts";

export interface Case {
  /** Name of a target. */
  readonly target: string;
  readonly name: string;
  readonly input: Buffer;
}

const hex = (digits: string) => Buffer.from(digits, "hex").toString("latin1");
const FULL = MAX_BYTES;

/** Settings that are all different. */
function manyKeys(): string {
  const lines = Array.from({ length: 9000 }, (_, index) => `a${index} = 1\n`);
  const text = lines.join("").slice(0, FULL);
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

const PEM_CASES: readonly Case[] = [
  "PEM certificate",
  "PEM private key",
  "PEM certificate request",
].flatMap((target) => [
  { target, name: "headers in thousands of ways", input: Buffer.from(HEADERS_WITHOUT_END) },
  { target, name: "beginnings", input: repeated({ pattern: "-----BEGIN X-----\n", count: FULL }) },
  {
    target,
    name: "empty lines",
    input: repeated({ start: "-----BEGIN CERTIFICATE-----", pattern: "\n", count: FULL }),
  },
  {
    target,
    name: "blanks",
    input: repeated({
      start: "-----BEGIN CERTIFICATE-----\n",
      pattern: " ",
      count: FULL,
      end: "x",
    }),
  },
]);

const DER_CASES: readonly Case[] = ["DER certificate", "DER certificate request"].flatMap(
  (target) => [
    { target, name: "indefinite lengths", input: repeated({ pattern: hex("3080"), count: FULL }) },
    {
      target,
      name: "nulls",
      input: repeated({ start: hex("3082f000"), pattern: hex("0500"), count: 30_720 }),
    },
    {
      target,
      name: "bit strings in bit strings",
      input: repeated({ start: hex("30821f40"), pattern: hex("03020000"), count: 2000 }),
    },
    {
      target,
      name: "a long tag",
      input: repeated({ start: hex("3f"), pattern: hex("ff"), count: FULL }),
    },
  ],
);

const HEAD = "POST /pair HTTP/1.0\r\n";

export const CASES: readonly Case[] = [
  ...PEM_CASES,
  ...DER_CASES,
  {
    target: "message that comes byte by byte",
    name: "a long head, then a body",
    input: repeated({
      start: `${HEAD}${"a:\r\n".repeat(2000)}Content-Length: 57000\r\n\r\n`,
      pattern: "x",
      count: 57_000,
    }),
  },
  {
    target: "message on the pairing port",
    name: "a header of blanks",
    input: repeated({ start: `${HEAD}X:`, pattern: " ", count: 8000, end: "\0\r\n\r\n" }),
  },
  {
    target: "request on the agent's port",
    name: "a header of blanks",
    input: repeated({ start: `${HEAD}X:`, pattern: " ", count: 16_000, end: "\0\r\n\r\n" }),
  },
  {
    target: "message: run",
    name: "numbers as arguments",
    input: repeated({ start: '{"script":"a","args":[', pattern: "1,", count: FULL, end: "1]}" }),
  },
  {
    target: "message: answer to capabilities",
    name: "scripts that are none",
    input: repeated({
      start: '{"status":"ok","scripts":[',
      pattern: "{},",
      count: FULL,
      end: "1]}",
    }),
  },
  {
    target: "message: run",
    name: "lists in lists",
    input: repeated({ start: '{"a":', pattern: "[", count: FULL }),
  },
  {
    target: "JSON in pieces",
    name: "backslashes",
    input: repeated({ start: '["', pattern: "\\", count: FULL }),
  },
  {
    target: "scripts.conf",
    name: "blanks in a path",
    input: repeated({ start: "say = /", pattern: " ", count: FULL, end: "x" }),
  },
  {
    target: "scripts.toml",
    name: "settings that are all different",
    input: Buffer.from(manyKeys()),
  },
  { target: "agent.toml", name: "settings that are all different", input: Buffer.from(manyKeys()) },
  {
    target: "agent.toml",
    name: "blanks",
    input: repeated({ pattern: " ", count: FULL, end: "\nx = 1\n" }),
  },
  {
    target: "agent.conf",
    name: "a key without end",
    input: repeated({ pattern: "a", count: FULL, end: "=1" }),
  },
];
