/** What the run index stores about a run: everything except the outputs. */
import { stat } from "node:fs/promises";
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import { runFailed } from "../../core/run-result.ts";
import type { RunState } from "../../core/run-state.ts";
import { parseIso } from "../../core/time.ts";
import { JsonReader } from "../../core/wire/json-reader.ts";
import { readChunks } from "../../system/files/async-files.ts";
import { fileError } from "../../system/files/files.ts";
import { resultsOf, type StoredRun, storedRun, waitingHosts } from "./stored-run.ts";

export interface RunSummary {
  readonly script: string;
  readonly submitter: string;
  /** As in the record. */
  readonly started: string;
  readonly completed: string | null;
  /** Nobody waits for its hosts any more. */
  readonly silent: boolean;
  /** When it was started, in milliseconds; if that is unknown, when it was completed or last written. */
  readonly began: number;
  readonly check_of: string | undefined;
  readonly hosts: readonly HostSummary[];
}

export interface HostSummary {
  readonly host: string;
  /** Null without a result. */
  readonly state: RunState | null;
  readonly exit: number | null;
  readonly failed: boolean | null;
  readonly cancelled: boolean;
}

/** `touched` is when the record was last written, in milliseconds. */
export type ReadSummary =
  | { readonly kind: "run"; readonly touched: number; readonly run: RunSummary }
  | { readonly kind: "damaged"; readonly touched: number }
  | { readonly kind: "gone" };

/** A text of at least this many characters is not parsed with the rest. */
const LONG_TEXT = 4096;
/** These may have a hundred MiB, and are never held in memory. */
const OUTPUTS = ["stdout", "stderr", "stdout_b64", "stderr_b64"];

/**
 * @param longest characters of the longest record that is read, without outputs
 * @throws CtrlExecError `storage` if the record cannot be read
 */
export async function readRunSummary(file: string, longest: number): Promise<ReadSummary> {
  let touched = 0;
  try {
    touched = Math.floor((await stat(file)).mtimeMs);
    const reader = new JsonReader(longest, LONG_TEXT, OUTPUTS);
    for await (const chunk of readChunks(file)) reader.take(chunk);
    const stored = storedRun.safeParse(reader.end());
    if (!stored.success) return { kind: "damaged", touched };
    return { kind: "run", touched, run: summaryOf(stored.data, touched) };
  } catch (thrown) {
    if (thrown instanceof CtrlExecError && thrown.code === "too-large")
      return { kind: "damaged", touched };
    const cause = thrown instanceof CtrlExecError ? thrown.cause : thrown;
    if (systemCode(cause) === "ENOENT") return { kind: "gone" };
    throw fileError("storage", "read", file, cause);
  }
}

function summaryOf(stored: StoredRun, touched: number): RunSummary {
  const { script, submitter, started, complete, completed = null, writer, check_of } = stored;
  const done = new Set(stored.results.map(({ host }) => host));
  const missing = stored.hosts.filter((host) => !done.has(host));
  const waiting = new Set(waitingHosts(stored));
  return {
    script,
    submitter,
    started,
    completed,
    silent: complete || writer === null,
    began: stored.began ?? (parseIso(started) ?? parseIso(completed ?? ""))?.getTime() ?? touched,
    check_of,
    hosts: [
      ...resultsOf(stored).map((result) => {
        const { host, state, exit, cancelled = false } = result;
        return { host, state, exit, failed: runFailed(result), cancelled };
      }),
      ...missing.map((host) => ({
        host,
        state: waiting.has(host) ? ("queued" as const) : null,
        exit: null,
        failed: null,
        cancelled: false,
      })),
    ],
  };
}
