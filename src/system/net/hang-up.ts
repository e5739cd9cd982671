/**
 * Ends a connection so that the last answer arrives. If it were closed with bytes unread, the kernel would send
 * a reset, and a client that is still writing would lose the answer to a broken pipe. So only our side is
 * ended, and what still arrives is read and dropped for a limited time (RFC 9112 section 9.6).
 */
import type { Socket } from "node:net";
import { Deadline } from "../deadline.ts";

export interface HangUpLimits {
  /** From the moment when everything written has been sent. */
  readonly totalMs: number;
  /** A client that sends nothing for this long is taken to be done. */
  readonly quietMs: number;
  readonly maxBytes: number;
}

const LIMITS: HangUpLimits = { totalMs: 10_000, quietMs: 2_000, maxBytes: 64 * 2 ** 20 };

/**
 * Other readers of the socket get nothing more.
 *
 * @param close closes it for good: when the peer ends too, or a limit is reached. If the peer had ended before,
 * the socket closes by itself
 * @param writeMs how long the peer may take to read what was written
 * @param lastWords written before the end
 */
export function hangUp(
  socket: Socket,
  close: () => void,
  writeMs: number,
  lastWords?: string,
  limits = LIMITS,
): void {
  let left = limits.maxBytes;
  let total = new Deadline(writeMs, close);
  let quiet: Deadline | undefined;
  socket.removeAllListeners("data");
  socket.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) close();
    else quiet?.restart();
  });
  const written = () => {
    total.stop();
    total = new Deadline(limits.totalMs, close);
    quiet = new Deadline(limits.quietMs, close);
    socket.once("end", close);
  };
  socket.once("close", () => {
    total.stop();
    quiet?.stop();
  });
  if (!socket.writableEnded) socket.end(lastWords ?? "");
  if (socket.writableFinished) written();
  else socket.once("finish", written);
  socket.resume();
}
