/** What an earlier agent has left. */
import { parseIso } from "../../core/time.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { JobCancel, JobFolder } from "./job-folder.ts";
import { recordIn, unfinishedCancelIn } from "./job-records.ts";
import type { OpenJob } from "./open-job.ts";
import type { Spool } from "./spool.ts";

/** A folder without a request: an agent was killed while it was making it. */
const LEFTOVER_MS = 60_000;

export interface Left {
  /** Their ends have not been logged. */
  readonly open: readonly OpenJob[];
  /** Requests to end jobs that have begun. */
  readonly cancels: ReadonlyMap<OpenJob, JobCancel>;
}

/** Gives the spool what it is to keep. @param names of the folders */
export async function lookAround(
  spool: Spool,
  names: readonly string[],
  now: () => Date,
): Promise<Left> {
  const ended: { readonly job: OpenJob; readonly time: number }[] = [];
  const open: OpenJob[] = [];
  const cancels = new Map<OpenJob, JobCancel>();
  await inSlices(names, (name) => {
    const folder = spool.folderOf(name);
    const record = recordIn(folder);
    if (record === undefined) {
      removeLeftover(spool, folder, now());
      return;
    }
    const { logged, ending } = record;
    // What has not been logged is checked again.
    const job = spool.jobOf(folder, logged ? record : { ...record, ending: undefined });
    if (logged) ended.push({ job, time: parseIso(ending?.ended ?? "")?.getTime() ?? 0 });
    else open.push(job);
    const cancel = unfinishedCancelIn(folder);
    if (cancel !== undefined) cancels.set(job, cancel);
  });
  ended.sort((one, other) => one.time - other.time);
  for (const { job, time } of ended) spool.restore(job, time);
  return { open, cancels };
}

function removeLeftover({ known }: Spool, folder: JobFolder, now: Date): void {
  const made = folder.time;
  if (made === undefined) return;
  // A host that went down may have left its request empty: it may have run.
  known.forget(made);
  if (now.getTime() - made > LEFTOVER_MS) folder.remove();
}
