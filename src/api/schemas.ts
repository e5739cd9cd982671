/**
 * The HTTP API's shapes, one schema each (docs/PROTOCOL.md, section 6). Validation, types and the OpenAPI
 * document all come from here, so that they cannot disagree.
 */
import { z } from "zod";
import { isArrayOfText } from "../core/json.ts";
import { parseTarget } from "../core/net/host-name.ts";
import { RUN_STATES } from "../core/run-state.ts";
import { unknownMember } from "../core/unknown-member.ts";
import type { LongText } from "../core/wire/json-pieces.ts";

// No program and no environment variable can be given a NUL byte.
const NO_NUL = /^[^\0]*$/;
const argument = z
  .string({ error: "expected text" })
  .regex(NO_NUL, { error: "expected text without NUL bytes" });

/** Characters of a username or token. */
export const MAX_CREDENTIAL = 8192;

/** Carries the user's name where a request has no body. */
export const USERNAME_HEADER = "X-Ctrl-Exec-Username";

const credential = argument
  .max(MAX_CREDENTIAL, { error: `expected at most ${MAX_CREDENTIAL} characters` })
  .nullish();

const username = credential.describe(
  `Told to the auth hooks and the script; nobody else verifies it. Null is the same as nothing. The header ${USERNAME_HEADER} wins over it.`,
);
const token = credential.describe(
  "Told to the auth hooks and the script. An Authorization: Bearer header wins over it.",
);

export const hostSchema = z
  .string({ error: "expected a host, host:port or address" })
  .regex(/^[A-Za-z0-9.:%[\]-]{1,300}$/, { error: "expected a host, host:port or address" })
  .refine((text) => parseTarget(text) !== undefined, {
    error: "expected a host, host:port or address",
  })
  .describe("A registered host name, any host name or an address, with its port if it has one.");

const hosts = z
  .array(hostSchema, { error: "expected a non-empty array of hosts" })
  .min(1, { error: "expected a non-empty array of hosts" })
  .meta({
    uniqueItems: true,
    description:
      "Each host once, at most max_hosts of them (500 unless configured). At one address each port is a host.",
  });

/** Characters of a script's name. Agents list shorter ones; each host's result repeats it. */
const MAX_SCRIPT_NAME = 4096;

export const scriptSchema = z
  .string({ error: "expected a script name: letters, digits, _ and -" })
  .regex(/^[A-Za-z0-9_-]+$/, { error: "expected a script name: letters, digits, _ and -" })
  .max(MAX_SCRIPT_NAME, { error: `expected at most ${MAX_SCRIPT_NAME} characters` })
  .describe("A name that scripts.conf lists on the agent.");

/** At most these are told of: one request may hold half a million. */
const MAX_UNKNOWN = 3;

/** A member that were passed over could be the arguments, spelled otherwise, and the script would run without. */
function requestSchema<Shape extends z.ZodRawShape>(shape: Shape) {
  const members = Object.keys(shape);
  return z.strictObject(shape, {
    error: ({ code, keys }) => {
      if (code !== "unrecognized_keys" || !isArrayOfText(keys)) return "expected a JSON object";
      const unknown = keys.slice(0, MAX_UNKNOWN);
      return unknown.map((name) => unknownMember(name, members)).join("; ");
    },
  });
}

export const pingRequest = requestSchema({ hosts, username, token });

export const runRequest = requestSchema({
  hosts,
  script: scriptSchema,
  args: z
    .array(argument, { error: "expected an array of strings" })
    .default([])
    .describe("Passed to the script as they are; no shell sees them."),
  wait: z
    .boolean({ error: "expected true or false" })
    .default(true)
    .describe("False answers 202 as soon as the run is accepted; see /status/{reqid}."),
  username,
  token,
});

export const discoveryRequest = requestSchema({
  hosts: hosts.optional().describe("All registered hosts when left out."),
  username,
  token,
});

const reqid = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .describe("16 hex digits.");
const rtt = z.string().describe("Milliseconds with their unit: 42ms.");
const failure = z.string().optional().describe("Why there is no answer; absent when there is one.");
const base64 = z.string().optional();
const dropped = z.number().int().nonnegative().optional();

export const runResult = z.object({
  host: z.string(),
  script: z.string(),
  exit: z
    .number()
    .int()
    .describe("The script's own code; 126 killed or not executable; -1 none, see state."),
  stdout: z.string(),
  stderr: z.string(),
  rtt,
  reqid,
  state: z
    .enum(RUN_STATES)
    .describe(
      "Whether the script ran. ended: it ran and is over. never-ran: it did not, so running it again repeats nothing. unknown: the host may have been asked and no result came, so it may have run or still be running.",
    ),
  error: z.string().optional().describe("What went wrong; always there unless state is ended."),
  stdout_b64: base64.describe("The exact bytes, base64, when they are not UTF-8."),
  stderr_b64: base64,
  signal: z.string().optional().describe("The signal that ended the script."),
  timed_out: z
    .boolean()
    .optional()
    .describe("The agent ended the script because its `timeout` was over."),
  stdout_dropped: dropped.describe(
    "Bytes of output that are not here: beyond what the agent keeps, or what could be recorded.",
  ),
  stderr_dropped: dropped,
});

export const pingResult = z.object({
  host: z.string(),
  status: z.enum(["ok", "error"]),
  rtt,
  expiry: z.string().describe("When the agent's certificate ends: Jun  7 16:28:00 2027 GMT."),
  version: z.string(),
  reqid,
  error: failure,
  clock_offset: z
    .number()
    .int()
    .optional()
    .describe("Seconds by which its clock is ahead of this host's, when that is a minute or more."),
});

const discoveredScript = z.object({ name: z.string(), path: z.string(), executable: z.boolean() });

export const discoveredHost = z.object({
  host: z.string(),
  status: z.enum(["ok", "error"]),
  version: z.string(),
  rtt,
  scripts: z.array(discoveredScript),
  tags: z.record(z.string(), z.string()),
  error: failure,
});

const ok = z.literal(true);

export const indexAnswer = z.object({
  name: z.literal("ctrl-exec-api"),
  version: z.string(),
  spec: z.literal("/openapi.json"),
  live_spec: z.literal("/openapi-live.json"),
  endpoints: z.array(z.object({ method: z.string(), path: z.string() })),
});

export const healthAnswer = z.object({ ok, version: z.string() });

export const pingAnswer = z.object({ ok, results: z.array(pingResult) });

export const runAnswer = z.object({
  ok,
  reqid,
  results: z.array(runResult),
  recorded: z
    .literal(false)
    .optional()
    .describe(
      "The record of the run lacks some of this: it could not be written. Absent otherwise.",
    ),
});

export const acceptedAnswer = z.object({ ok, reqid, complete: z.literal(false) });

export const discoveryAnswer = z.object({ ok, hosts: z.record(z.string(), discoveredHost) });

export const statusAnswer = z.object({
  ok,
  reqid,
  script: z.string(),
  hosts: z.array(z.string()).describe("Every host of the run."),
  results: z.array(runResult.extend({ reqid: z.string() })).describe("Of the hosts that are done."),
  pending: z.array(z.string()).describe("The hosts that are still out."),
  complete: z.boolean(),
  submitter: z.string().describe("Who asked for the run, as they called themselves."),
  started: z.string(),
  completed: z.string().nullable().describe("Null while hosts are out."),
});

export const openapiAnswer = z.looseObject({ openapi: z.literal("3.1.0") });

const refused = z.literal(false);

const hint = z.string().optional().describe("What to do about it, where there is something.");

export const errorAnswer = z.object({
  ok: refused,
  error: z.string(),
  detail: z.string().optional(),
  hint,
});

export const deniedAnswer = z.object({
  ok: refused,
  error: z.string().describe("The auth hook's word."),
  code: z.int().min(1).max(3).describe("1 generic, 2 bad credentials, 3 insufficient privilege."),
});

export const lockedAnswer = z.object({
  ok: refused,
  error: z.literal("locked"),
  code: z.literal(4),
  conflicts: z.array(z.string()).describe("host:script that runs already."),
  hint,
});

export type ErrorAnswer =
  | z.output<typeof errorAnswer>
  | z.output<typeof deniedAnswer>
  | z.output<typeof lockedAnswer>;

/**
 * An answer as it may be built: nothing that a use-case gives has to be copied, and a text may be one
 * that is made while it is written.
 */
export type Frozen<Shape> = Shape extends string
  ? Shape | LongText
  : Shape extends (infer Item)[]
    ? readonly Frozen<Item>[]
    : Shape extends object
      ? { readonly [Key in keyof Shape]: Frozen<Shape[Key]> }
      : Shape;
