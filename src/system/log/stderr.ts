/**
 * Standard error. Everything in this process writes to it through here: in order, and never waiting for its
 * reader (T66). When there is no reader left, the work goes on all the same.
 */
import { systemCode } from "../../core/errors.ts";
import { Outlet } from "./outlet.ts";
import { readyWriteTo } from "./ready-write.ts";

const stderr = new Outlet(() => readyWriteTo(2));

/** On a terminal: back to the line's beginning, and nothing on it. */
const ERASE_LINE = "\r\u001b[K";

/** The last output was a line to be drawn over: other output replaces it. */
let isDrawn = false;

/** For output that must not be lost: kept until it is read. */
export function writeStderr(text: string): void {
  stderr.write(bytesOf(text));
}

/** For output that may be lost: returns false if it was, because much is still unread or the disk is full. */
export function offerStderr(text: string): boolean {
  return stderr.offer(bytesOf(text)) || NOBODY_THERE.has(systemCode(stderr.failure));
}

/** The same for a line without a newline, drawn over the previous one. @param line may be empty */
export function drawStderr(line: string): void {
  isDrawn = false;
  offerStderr(`${ERASE_LINE}${line}`);
  isDrawn = line !== "";
}

function bytesOf(text: string): Buffer {
  const erase = isDrawn && text !== "" ? ERASE_LINE : "";
  if (text !== "") isDrawn = false;
  return Buffer.from(`${erase}${text}`, "utf8");
}

const NOBODY_THERE: ReadonlySet<string> = new Set(["EPIPE", "EBADF", "EIO"]);

/** Resolves when everything is written, or cannot be. */
export function flushStderr(): Promise<void> {
  return stderr.flush();
}
