/**
 * The HTTP API's requests and answers, one schema each (docs/PROTOCOL.md, section 6). Validation, types and the
 * OpenAPI document all come from here and the `*-schemas.ts` beside it, so they cannot disagree.
 */
import { z } from "zod";
import * as mini from "zod/mini";
import { dryRun } from "../core/dry-run.ts";
import { MAX_TYPED_SECONDS } from "../core/duration.ts";
import { isArrayOfText } from "../core/json.ts";
import { discoveredHost, pingResult } from "../core/results.ts";
import { runReport } from "../core/run-report.ts";
import { runResult as coreResult, RUN_RESULT_WORDS } from "../core/run-result.ts";
import { unknownMember } from "../core/unknown-member.ts";
import { duration } from "./duration-schema.ts";
import { except, hostExpressionSchema, hosts, limit } from "./host-schemas.ts";
import { rolloutAnswer, rolloutMembers } from "./rollout-schemas.ts";

// Neither arguments nor environment variables can contain a NUL byte.
const NO_NUL = /^[^\0]*$/;
const argument = z
  .string({ error: "expected text" })
  .regex(NO_NUL, { error: "expected text without NUL bytes" });

/** Characters of a username or token. */
export const MAX_CREDENTIAL = 8192;

/** Carries the user's name if a request has no body. */
export const USERNAME_HEADER = "X-Ctrl-Exec-Username";

const credential = argument
  .max(MAX_CREDENTIAL, { error: `expected at most ${MAX_CREDENTIAL} characters` })
  .nullish();

export const username = credential.describe(
  `Passed to the auth hooks and the script; nothing else verifies it. Null means the same as leaving it out. The header ${USERNAME_HEADER} takes precedence.`,
);
export const token = credential.describe(
  "Passed to the auth hooks and the script. The header Authorization: Bearer takes precedence.",
);

/** Most characters in a name that a request may ask for, listed or not: each host's result repeats it. */
const MAX_ASKED_NAME = 4096;

export const scriptSchema = z
  .string({ error: "expected a script name: letters, digits, _ and -" })
  .regex(/^[A-Za-z0-9_-]+$/, { error: "expected a script name: letters, digits, _ and -" })
  .max(MAX_ASKED_NAME, { error: `expected at most ${MAX_ASKED_NAME} characters` })
  .describe("A name that is listed in the agent's scripts.conf.");

/** How many unknown members are reported: one request may hold half a million. */
const MAX_UNKNOWN = 3;

/** An ignored member could be misspelt arguments, and the script would run without them. */
export function requestSchema<Shape extends z.ZodRawShape>(shape: Shape) {
  const members = Object.keys(shape);
  return z.strictObject(shape, {
    error: ({ code, keys }) => {
      if (code !== "unrecognized_keys" || !isArrayOfText(keys)) return "expected a JSON object";
      const unknown = keys.slice(0, MAX_UNKNOWN);
      return unknown.map((name) => unknownMember(name, members)).join("; ");
    },
  });
}

export const pingRequest = requestSchema({ hosts, except, limit, username, token });

const rollout = {
  ...rolloutMembers,
  check: scriptSchema
    .optional()
    .describe("A script without arguments that must succeed on each batch before the next begins."),
};

const MAX_GRACE = 3600;

export const runRequest = requestSchema({
  hosts,
  except,
  limit,
  script: scriptSchema,
  args: z
    .array(argument, { error: "expected an array of strings" })
    .default([])
    .describe("Passed to the script unchanged, and never to a shell."),
  wait: z
    .boolean({ error: "expected true or false" })
    .default(true)
    .describe("If false, the answer is 202 as soon as the run is accepted; see /status/{reqid}."),
  detach: z
    .boolean({ error: "expected true or false" })
    .default(false)
    .describe("True means the same as false in wait."),
  timeout: duration(1, MAX_TYPED_SECONDS)
    .optional()
    .describe(
      "The time after which the agents end the script: seconds, or text such as 90s or 15m. Agents older than 1.1 do not end it.",
    ),
  rollout: requestSchema(rollout)
    .optional()
    .describe(
      "Run on a few hosts at a time. With wait, the answer comes when the rollout has ended.",
    ),
  dry_run: z
    .boolean({ error: "expected true or false" })
    .default(false)
    .describe(
      "If true, the answer is 200 with the hosts that would be asked; only the auth hook is asked.",
    ),
  username,
  token,
});

const {
  hosts: _hosts,
  except: _except,
  limit: _limit,
  detach: _detach,
  ...ofResume
} = runRequest.shape;

export const resumeRequest = requestSchema(ofResume);

export const cancelRequest = requestSchema({
  hosts: z
    .array(hostExpressionSchema, { error: "expected an array of hosts" })
    .default([])
    .describe(
      "Hosts as named in the run, or host expressions, which select from the hosts of the run; all of its hosts if left out.",
    ),
  except,
  grace: duration(0, MAX_GRACE)
    .default(10)
    .describe("The time between TERM and KILL: seconds, or text such as 30s or 5m."),
  username,
  token,
});

export const pauseRequest = requestSchema({ username, token });

export const discoveryRequest = requestSchema({
  hosts: hosts.optional().describe("If left out, all registered hosts."),
  except,
  limit,
  username,
  token,
});

const ok = z.literal(true);

/** With the meaning of its members. */
export const runResult = z.object(described(coreResult.shape, RUN_RESULT_WORDS));

const { reqid } = runResult.shape;

function described<Shape extends Record<string, mini.ZodMiniType>>(
  shape: Shape,
  words: Readonly<Record<string, string>>,
): Shape {
  const members = Object.entries(shape).map(([name, member]) => {
    const meaning = words[name];
    return [name, meaning === undefined ? member : member.check(mini.describe(meaning))] as const;
  });
  return Object.fromEntries(members) as Shape;
}

export const indexAnswer = z.object({
  name: z.literal("ctrl-exec-api"),
  version: z.string(),
  spec: z.literal("/openapi.json"),
  live_spec: z.literal("/openapi-live.json"),
  endpoints: z.array(z.object({ method: z.string(), path: z.string() })),
});

export const healthAnswer = z.object({ ok, version: z.string() });

const warnings = z
  .array(z.string())
  .optional()
  .describe(
    "What may be a slip in hosts or except: what excludes no host, hosts that are left out since their tags are not known, and names in groups that no host can have. Absent if there is nothing of the kind.",
  );

export const pingAnswer = z.object({ ok, results: z.array(pingResult), warnings });

export const runAnswer = z.object({
  ok,
  reqid,
  results: z.array(runResult),
  rollout: rolloutAnswer
    .optional()
    .describe("How far the rollout got; absent if the run was not a rollout."),
  recorded: z
    .literal(false)
    .optional()
    .describe(
      "The record of the run is incomplete, because it could not be written. Absent otherwise.",
    ),
  hint: z
    .string()
    .optional()
    .describe(
      "How to come back to hosts on which the script may still be running, or to a run that is in the way; absent if there are none.",
    ),
  warnings,
});

export const dryRunAnswer = z.object({ ok, ...dryRun.shape, warnings });

/** For a run that was made, or only shown: the second has dry_run. */
export const runOrDryRunAnswer = z.union([runAnswer, dryRunAnswer]);

export const acceptedAnswer = z.object({ ok, reqid, complete: z.literal(false), warnings });

export const discoveryAnswer = z.object({
  ok,
  hosts: z.record(z.string(), discoveredHost),
  warnings,
});

/** The run itself. Records of 0.8 may have results without an id. */
export const statusAnswer = z.object({
  ok,
  ...runReport.shape,
  reqid,
  results: z
    .array(runResult.extend({ reqid: z.string() }))
    .describe(
      "For the hosts that are done, and for those whose agents say that the script is running.",
    ),
});

export const cancelAnswer = z.object({
  ok,
  results: z.array(
    z.object({
      host: z.string(),
      status: z
        .enum(["ended", "running", "not-running", "will-not-start", "failed"])
        .describe(
          "running: some of it could not be ended, see left. will-not-start: it had not started there, and will not.",
        ),
      left: z.int().describe("How many processes could not be ended."),
      lost: z
        .literal(true)
        .optional()
        .describe(
          "The run is lost there: how it ended cannot be known, whatever was left of it and is ended now.",
        ),
      error: z
        .string()
        .optional()
        .describe("Why the run was not cancelled on the host; present if status is failed."),
    }),
  ),
});

export const pauseAnswer = z.object({ ok, reqid, waits_for_api: runReport.shape.waits_for_api });

export const openapiAnswer = z.looseObject({ openapi: z.literal("3.1.0") });

/** Every error has this shape (docs/PROTOCOL.md, section 6). */
export const errorAnswer = z.object({
  ok: z.literal(false),
  error: z
    .string()
    .describe(
      "What kind of error it is, always the same words for it; of a 403 the reason: the one given by the auth hook, or why no rule of join.d allows a token.",
    ),
  detail: z.string().describe("What is wrong with this request, for a person."),
  code: z
    .int()
    .min(1)
    .max(4)
    .optional()
    .describe(
      "Of a 403: 1 generic, 2 bad credentials, 3 insufficient privilege. Of a 409 that has conflicts: 4.",
    ),
  conflicts: z
    .array(z.string())
    .optional()
    .describe("The host:script pairs that are already running, of a 409 that says locked."),
  hint: z.string().optional().describe("What to do about it, if anything."),
});

export type ErrorAnswer = z.output<typeof errorAnswer>;
