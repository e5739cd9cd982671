/** What event streams and downloads accept, and the messages of a stream (core/wire/run-messages.ts). */
import { z } from "zod";
import { OUTPUT_STREAMS } from "../core/run-event.ts";
import { rolloutAnswer } from "./rollout-schemas.ts";
import { runResult } from "./schemas.ts";

export const outputQuery = z.object({
  stream: z
    .enum(OUTPUT_STREAMS, { error: "expected stdout or stderr" })
    .default("stdout")
    .describe("Which of the two streams."),
});

/** Most runs in one stream. */
const MAX_RUNS = 32;
const RUN_LIST = new RegExp(`^[0-9a-f]{16}(,[0-9a-f]{16}){0,${MAX_RUNS - 1}}$`);
const RUN_LIST_WANTED = `expected 1 to ${MAX_RUNS} ids of runs, each 16 hex digits, with commas`;

export const eventsQuery = z.object({
  runs: z
    .string({ error: RUN_LIST_WANTED })
    .regex(RUN_LIST, { error: RUN_LIST_WANTED })
    .describe(`The runs, at most ${MAX_RUNS}, separated by commas.`),
});

const { reqid, host } = runResult.shape;
const {
  stdout: _out,
  stderr: _err,
  stdout_b64: _out64,
  stderr_b64: _err64,
  ...ofEnd
} = runResult.shape;

const number = z.int().describe("Counted from 1.");
const of = z.int().describe("How many batches there are.");

/** What one message of an event stream says (core/wire/run-messages.ts). */
export const runMessage = z.discriminatedUnion("event", [
  z.object({
    event: z.literal("start"),
    reqid,
    host,
    script: z.string(),
    started: z.string().describe("When the host started the script, ISO 8601."),
  }),
  z.object({
    event: z.enum(OUTPUT_STREAMS),
    reqid,
    host,
    stream: z.enum(OUTPUT_STREAMS).describe("Same as event."),
    offset: z.int().describe("Offset of the first byte in its stream."),
    data: z.string().optional().describe("The bytes, if they are UTF-8."),
    data_b64: z.string().optional().describe("The bytes in base64, if they are not UTF-8."),
  }),
  z.object({ event: z.literal("end"), ...ofEnd }).describe("A result, without output."),
  z
    .object({ event: z.literal("batch"), reqid, batch: number, of, hosts: z.array(z.string()) })
    .describe("A batch of a rollout begins."),
  z
    .object({ event: z.literal("batch-end"), reqid, batch: number, of, failed: z.int() })
    .describe("Every host of the batch has its result; failed says how many failed."),
  z
    .object({
      event: z.literal("check"),
      reqid,
      batch: number,
      script: z.string(),
      check: z.string().describe("The id of the check's own run."),
      failed: z.array(z.string()).describe("The hosts on which it failed."),
    })
    .describe("The check of the batch has ended."),
  z
    .object({ event: z.literal("paused"), reqid, batch: number, of, by: z.string() })
    .describe("The batch waits until somebody continues the rollout."),
  z
    .object({ event: z.literal("continued"), reqid, batch: number, of, by: z.string() })
    .describe("Somebody has continued the rollout: the batch may begin."),
  z
    .object({ event: z.literal("stopped"), reqid, reason: z.string(), not_started: z.int() })
    .describe("The rollout stops before its last batch, or its last check has failed."),
  z.object({
    event: z.literal("summary"),
    reqid,
    hosts: z.int(),
    outcomes: z
      .record(z.string(), z.int())
      .describe(
        "How many hosts have each outcome: ok, failed, cancelled, never-ran, unknown, lost, running.",
      ),
    took: z.string().describe("Milliseconds with their unit: 42ms."),
    recorded: z
      .boolean()
      .optional()
      .describe("Of a rollout: whether the process that carried it out has completed its record."),
    rollout: rolloutAnswer.optional().describe("How far a rollout came; absent of any other run."),
  }),
]);
