/** A run's record as JSON, in pieces: outputs may be long. */
import type { RunReportSoFar } from "../../core/run-report.ts";
import { jsonForScreen } from "../../core/text.ts";
import { jsonPieces } from "../../core/wire/json-pieces.ts";
import type { RolloutFacts } from "./ports/runs.ts";
import type { RecordWriter } from "./record-writer.ts";

/** What a record has in addition to the report. */
interface RecordExtras {
  readonly began?: number | undefined;
  readonly ports?: readonly (number | null)[] | undefined;
  readonly writer?: RecordWriter | null | undefined;
  readonly begun?: readonly (string | null)[] | undefined;
  readonly rollout?: RolloutFacts | undefined;
}

/**
 * The submitter comes before anything that may be long, because the auth hook is told who it is, and may refuse. So
 * does the writer: a rollout checks who that is before each write.
 */
export function* recordJson({
  reqid,
  submitter,
  writer,
  ...rest
}: Omit<RunReportSoFar, "pending" | "rollout"> & RecordExtras): Generator<string> {
  const record = { reqid, submitter, ...(writer === undefined ? {} : { writer }), ...rest };
  for (const piece of jsonPieces(record)) yield jsonForScreen(piece);
  yield "\n";
}
