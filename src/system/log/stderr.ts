/**
 * Standard error. Everything in this process writes to it through here: in order, and never waiting for its
 * reader (T66). When there is no reader left, the work goes on all the same.
 */
import { systemCode } from "../../core/errors.ts";
import { Outlet } from "./outlet.ts";
import { readyWriteTo } from "./ready-write.ts";

/** Standard output may be written through it too (stdout.ts). */
export const stderrOutlet = new Outlet(() => readyWriteTo(2));

/** On a terminal: back to the line's beginning, and nothing on it. */
const ERASE_LINE = "\r\u001b[K";

/** The last output was a line to be drawn over: other output replaces it. */
let isDrawn = false;

/** For output that must not be lost: kept until it is read. */
export function writeStderr(content: string | Uint8Array): void {
  stderrOutlet.write(bytesOf(content));
}

/** For output that may be lost: returns false if it was, because much is still unread or the disk is full. */
export function offerStderr(text: string): boolean {
  return stderrOutlet.offer(bytesOf(text)) || NOBODY_THERE.has(systemCode(stderrOutlet.failure));
}

/** The same for a line without a newline, drawn over the previous one. @param line may be empty */
export function drawStderr(line: string): void {
  if (line === "") {
    // Not lost, however much is unread: what comes next would begin behind the line.
    if (isDrawn) stderrOutlet.write(Buffer.from(ERASE_LINE));
    isDrawn = false;
  } else if (stderrOutlet.offer(Buffer.from(`${ERASE_LINE}${line}`))) isDrawn = true;
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  if (!isDrawn || bytes.length === 0) return bytes;
  isDrawn = false;
  return Buffer.concat([Buffer.from(ERASE_LINE), bytes]);
}

const NOBODY_THERE: ReadonlySet<string> = new Set(["EPIPE", "EBADF", "EIO"]);

/** Resolves when not much is unread. */
export function roomOnStderr(): Promise<void> {
  return stderrOutlet.room();
}

/** Resolves when everything is written, or cannot be. */
export function flushStderr(): Promise<void> {
  return stderrOutlet.flush();
}
