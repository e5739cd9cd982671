/**
 * Ends a connection so that the last answer arrives. Closed with bytes unread, the kernel sends a reset,
 * and a client that still writes loses the answer to a broken pipe: so the connection is ended on our
 * side alone, and what still comes is read and dropped for a bounded while (RFC 9112 section 9.6).
 */
import type { Socket } from "node:net";
import { Deadline } from "../deadline.ts";

export interface HangUpLimits {
  /** From the moment when all that was written has left. */
  readonly totalMs: number;
  /** A client that sends nothing for this long sends nothing any more. */
  readonly quietMs: number;
  readonly maxBytes: number;
}

const LIMITS: HangUpLimits = { totalMs: 10_000, quietMs: 2_000, maxBytes: 64 * 2 ** 20 };

/**
 * Whoever read from the socket is cut off.
 *
 * @param close closes it for good: when the peer has ended too, and at the latest when a limit is reached
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
    if (socket.readableEnded) {
      close();
      return;
    }
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
