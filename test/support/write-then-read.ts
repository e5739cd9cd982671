/** A client that writes all it has before it reads anything, as a simple one does. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

const PIECE = Buffer.alloc(64 * 1024, "x");

interface Heard {
  /** What came until the connection was closed; what a reset has destroyed is missing. */
  readonly text: string;
  /** Bytes that went out behind the head. */
  readonly sent: number;
}

/** @param bytes how much of a body goes out behind the head, unless the connection is closed before */
export async function writeThenRead(
  socket: Socket | TLSSocket,
  head: string,
  bytes: number,
): Promise<Heard> {
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.pause();
  socket.on("error", () => undefined);
  socket.write(head);
  let sent = 0;
  for (; sent < bytes && !socket.destroyed; sent += PIECE.length) {
    if (socket.write(PIECE)) continue;
    const drained = new Promise<void>((resolve) => socket.once("drain", () => resolve()));
    await Promise.race([drained, closed]);
  }
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  socket.once("end", () => socket.end());
  socket.resume();
  await closed;
  return { text, sent };
}
