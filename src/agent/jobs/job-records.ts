/** What the files of a job's folder say. Another version may have written them, and a crash may have cut them. */
import * as z from "zod/mini";
import type { RunEnding } from "../../core/run-event.ts";
import { endFrame } from "../../core/wire/messages/run-frames.ts";
import type { ProcessId } from "../../system/process/process-id.ts";
import type { JobFolder, JobHead, JobStart } from "./job-folder.ts";

const text = z.string();

const processId = z.object({
  pid: z.int(),
  start: z.int(),
  boot: text,
}) satisfies z.ZodMiniType<ProcessId>;

const head = z.object({
  reqid: text,
  script: text,
  args: z.array(text),
  username: text,
  peer_ip: text,
  asked: z.iso.datetime(),
  shim: processId,
}) satisfies z.ZodMiniType<JobHead>;

const start = z.object({
  root: processId,
  started: z.iso.datetime(),
}) satisfies z.ZodMiniType<JobStart>;

/** Undefined when there is none: the folder is half made, or half removed. */
export function headIn(folder: JobFolder): JobHead | undefined {
  return head.safeParse(folder.readRequest()).data;
}

/** Undefined when the script has not been started, as far as is known. */
export function startIn(folder: JobFolder): JobStart | undefined {
  return start.safeParse(folder.readStarted()).data;
}

/** Undefined when it has not ended, as far as is known. */
export function endingIn(folder: JobFolder): RunEnding | undefined {
  return endFrame.safeParse(folder.readEnding()).data;
}
