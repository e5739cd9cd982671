/**
 * What was counted, in `counts.json`: each process adds what it has counted, under a lock, when it ends or from time
 * to time, never before a run starts. The API creates the file: on a host where no API has run, commands write
 * nothing.
 */
import { existsSync } from "node:fs";
import * as z from "zod/mini";
import { messageOf } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { controlTally } from "../../core/metrics/control-counting.ts";
import type { Counts } from "../../core/metrics/tally.ts";
import { parseIso } from "../../core/time.ts";
import { readChunks, writeWholeAsync } from "../../system/files/async-files.ts";
import { ensureFolder, isDenied } from "../../system/files/files.ts";
import { takeLock } from "../../system/files/lock.ts";
import { MAX_SHORT_FILE } from "../../system/files/plain-file.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type { AllCounts } from "./ports/counts.ts";
import { RECORD_MODE } from "./record-file.ts";

/** Others hold the lock for a millisecond; a process that was stopped is not waited for. */
const LOCK_MS = 1000;

const stored = z.object({
  since: z.string(),
  counts: z.record(z.string(), z.array(z.number())),
});

/** See CountStore. */
export async function addCounts(
  context: StoreContext,
  news: Counts,
): Promise<AllCounts | undefined> {
  const { config, log, now } = context;
  const path = paths(config).counts;
  try {
    ensureFolder(config.state_dir, 0o755);
    using _lock = await takeLock(lockPath(config, "counts"), LOCK_MS);
    const text = await textIn(path);
    const found = text === undefined ? undefined : countsIn(text);
    if (text !== undefined && found === undefined) {
      log({ event: "count-fail", error: "it is damaged: counting begins again", path });
    }
    const { since, counts } = found ?? { since: now(), counts: new Map() };
    // Only what this version counts is kept, within its limits.
    const tally = controlTally({ onlyTimed: true });
    tally.merge(counts);
    tally.merge(news);
    const all = { since, counts: tally.counts };
    if (news.size > 0 || found === undefined) {
      await writeWholeAsync(path, [fileText(all)], RECORD_MODE, false);
    }
    return all;
  } catch (thrown) {
    // A process that may only read here counts nothing.
    if (!isDenied(thrown)) log({ event: "count-fail", error: messageOf(thrown), path });
    return undefined;
  }
}

/** Undefined if there is no file. */
async function textIn(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of readChunks(path)) {
    length += chunk.length;
    if (length > MAX_SHORT_FILE) return "too long";
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Undefined if the text is damaged, or is something else. */
function countsIn(text: string): AllCounts | undefined {
  const found = readJsonAs(stored, text);
  const since = found === undefined ? undefined : parseIso(found.since);
  if (found === undefined || since === undefined) return undefined;
  return { since, counts: new Map(Object.entries(found.counts)) };
}

function fileText({ since, counts }: AllCounts): string {
  return `${JSON.stringify({ since: since.toISOString(), counts: Object.fromEntries(counts) })}\n`;
}
