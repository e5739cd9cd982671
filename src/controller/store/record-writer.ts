/** The process that writes a run record, and whether it still is the one that the record names. */
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import { readChunks } from "../../system/files/async-files.ts";
import type { ProcessId } from "../../system/process/process-id.ts";

export interface RecordWriter extends ProcessId {
  /** For a rollout, which may change hands: no two writers of a record have the same. */
  readonly id?: string;
}

/** At the beginning of a record: the submitter's name before it has at most 8 Ki characters. */
const WRITER_ID = /"writer":\{[^{}]*"id":"([0-9a-f]{16})"\}/;
const BEGINNING_BYTES = 65_536;

/** Whether the record belongs to another writer. If it is gone, it belongs to nobody, and is written again. */
export async function isOfAnother(file: string, id: string): Promise<boolean> {
  try {
    for await (const chunk of readChunks(file, BEGINNING_BYTES)) {
      return WRITER_ID.exec(chunk.toString("utf8"))?.[1] !== id;
    }
  } catch (thrown) {
    if (thrown instanceof CtrlExecError && systemCode(thrown.cause) === "ENOENT") return false;
    throw thrown;
  }
  return true;
}
