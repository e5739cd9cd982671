/** The record of a rollout as the run of a batch sees it: it is complete when the rollout has ended. */
import type { RunResult } from "../../core/run-result.ts";
import type { RunRecord } from "../store/ports/runs.ts";

export function batchRecord(record: RunRecord, keep: (result: RunResult) => void): RunRecord {
  return {
    stored: Promise.resolve(true),
    output: (host, share) => record.output(host, share),
    add: keep,
    begun: (host, started) => record.begun(host, started),
    step: (step) => record.step(step),
    tell: (message) => record.tell(message),
    takenOver: record.takenOver,
    close: () => Promise.resolve(true),
    discard: () => undefined,
    leave: () => Promise.resolve(),
  };
}
