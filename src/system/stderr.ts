/**
 * Standard error, written by everything in this process through here: in order, and never waiting for
 * whoever reads it (T66). When nobody is left to tell, the work goes on all the same.
 */
import { systemCode } from "../core/errors.ts";
import { Outlet } from "./outlet.ts";
import { readyWriteTo } from "./ready-write.ts";

const stderr = new Outlet(() => readyWriteTo(2));

/** For what must not be lost: kept until it is read. */
export function writeStderr(text: string): void {
  stderr.write(Buffer.from(text, "utf8"));
}

/** For what may be lost: returns false when it is, because much is still unread or the disk is full. */
export function offerStderr(text: string): boolean {
  return stderr.offer(Buffer.from(text, "utf8")) || NOBODY_THERE.has(systemCode(stderr.failure));
}

const NOBODY_THERE: ReadonlySet<string> = new Set(["EPIPE", "EBADF", "EIO"]);

/** Resolves when all is written, or cannot be. */
export function flushStderr(): Promise<void> {
  return stderr.flush();
}
