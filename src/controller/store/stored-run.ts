/** What a run record contains, as this version, 1.0 and 0.8 write it. */
import * as z from "zod/mini";
import { CtrlExecError } from "../../core/errors.ts";
import { rolloutSetting } from "../../core/rollout.ts";
import { rolloutHand, runReport } from "../../core/run-report.ts";
import { runResult } from "../../core/run-result.ts";
import { readLastEnd, readRunEnd } from "../../core/run-state.ts";
import { isoSeconds } from "../../core/time.ts";
import { exitNumber } from "../../core/wire/messages/run-reply.ts";
import { PiecedText } from "../../core/wire/pieced-text.ts";
import type { RecordedResult } from "./recorded-result.ts";

const text = z.pipe(
  z.nullish(z.string()),
  z.transform((value) => value ?? ""),
);
const output = z.pipe(
  z.nullish(z.union([z.string(), z.instanceof(PiecedText)])),
  z.transform((value) => value ?? ""),
);
const outputBytes = z.exactOptional(z.union([z.string(), z.instanceof(PiecedText)]));
/** An error, or a script's name as typed. */
const longText = z.union([z.string(), z.pipe(z.instanceof(PiecedText), z.transform(String))]);
const moment = z.nullish(z.union([z.string(), z.pipe(z.number(), z.transform(epochToIso))]));

/** Recorded answers were checked when they arrived (wire/messages/run-reply.ts), by the version of that time. */
const storedResult = z.extend(runResult, {
  script: longText,
  exit: exitNumber,
  stdout: output,
  stderr: output,
  rtt: text,
  reqid: text,
  /** Absent in records of 0.8 and 1.0. */
  state: z.exactOptional(text),
  error: z.exactOptional(longText),
  stdout_b64: outputBytes,
  stderr_b64: outputBytes,
  stdout_dropped: z.exactOptional(z.number()),
  stderr_dropped: z.exactOptional(z.number()),
  /** New: a file that has more of the output. */
  stdout_file: z.exactOptional(z.string()),
  stderr_file: z.exactOptional(z.string()),
});

const places = { batch: z.int(), of: z.int() };
const toldOfRollout = z.discriminatedUnion("event", [
  z.object({ event: z.literal("batch"), ...places, hosts: z.array(z.string()) }),
  z.object({ event: z.literal("batch-end"), ...places, failed: z.int() }),
  z.object({
    event: z.literal("check"),
    batch: z.int(),
    script: z.string(),
    check: z.string(),
    failed: z.array(z.string()),
  }),
  z.object({ event: z.literal("paused"), ...places, by: z.string() }),
  z.object({ event: z.literal("continued"), ...places, by: z._default(z.string(), "") }),
  z.object({ event: z.literal("stopped"), reason: z.string(), not_started: z.int() }),
]);

/** Records of 0.8 have `reqid`, `script`, `hosts`, `results` and `completed`, and are complete. */
export const storedRun = z.extend(
  z.omit(runReport, {
    ...{ pending: true, paused: true, continued: true },
    ...{ waits_for_api: true, waits_for_token: true, rollout: true, resumed_by: true },
  }),
  {
    reqid: z.string(),
    script: longText,
    hosts: z.array(z.string()).check(z.minLength(1)),
    results: z.array(storedResult),
    complete: z._default(z.boolean(), true),
    /** The API allows 8,192 characters. */
    submitter: z.pipe(
      z.nullish(longText),
      z.transform((value) => value ?? ""),
    ),
    started: text,
    completed: moment,
    /** New: when it began, in milliseconds since 1970; `started` has whole seconds. */
    began: z.exactOptional(z.int()),
    /** New, like `writer`: see RunFacts. */
    ports: z.exactOptional(z.array(z.nullable(z.int()))),
    /** The process that waits for the run's hosts; null if none does, although some results are still to come. */
    writer: z.exactOptional(
      z.nullable(
        z.object({
          pid: z.int(),
          start: z.number(),
          boot: z.string(),
          /** For a rollout: no two writers of a record have the same. */
          id: z.exactOptional(z.string()),
        }),
      ),
    ),
    /**
     * New: when the script started on each host, as far as the host has reported it; only while the run's process is
     * alive.
     */
    begun: z.exactOptional(z.array(z.nullable(z.string()))),
    /** New: see RolloutFacts. */
    rollout: z.exactOptional(
      z.extend(rolloutSetting, {
        waiting: z.array(z.string()),
        batches: z._default(z.array(z.array(z.int())), []),
        begun: z._default(z.int(), 0),
        checking: z.exactOptional(z.string()),
        next_at: z.exactOptional(z.string()),
        told: z.exactOptional(z.array(toldOfRollout)),
        unregistered: z.exactOptional(z.array(z.int())),
        resumed_by: z.exactOptional(z.array(rolloutHand)),
      }),
    ),
  },
);

function epochToIso(seconds: number): string {
  return isoSeconds(new Date(Math.min(seconds, 253_402_300_799) * 1000));
}

export type StoredRun = z.output<typeof storedRun>;

/** @throws CtrlExecError `damaged` that names the run */
export function parseStoredRun(content: unknown, reqid: string): StoredRun {
  try {
    return storedRun.parse(content);
  } catch (cause) {
    throw new CtrlExecError("damaged", `Cannot read the record of run ${reqid}: it is damaged`, {
      cause,
    });
  }
}

/** The hosts that wait for their batch, or will never be asked if nobody goes on with the rollout. */
export function waitingHosts({ rollout, results }: StoredRun): readonly string[] {
  if (rollout === undefined || rollout.waiting.length === 0) return [];
  const told = new Set(results.map(({ host }) => host));
  return rollout.waiting.filter((host) => !told.has(host));
}

/** With the names of their files. */
export function resultsOf({ complete, results }: StoredRun): RecordedResult[] {
  const readEnd = complete ? readLastEnd : readRunEnd;
  return results.map((stored) => {
    const { state, error, ...rest } = stored;
    return { ...rest, ...readEnd(stored, "unknown") };
  });
}
