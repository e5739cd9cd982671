/** Reads what an agent sends on the pairing port, request by request (docs/PROTOCOL.md, section 1). */
import type { TLSSocket } from "node:tls";
import type * as z from "zod/mini";
import { readJsonAs } from "../../core/json.ts";
import { HttpMessageReader } from "../../core/wire/http-message.ts";
import { MAX_PAIRING_BYTES, MAX_PAIRING_HEAD_BYTES } from "../../core/wire/limits.ts";
import { Deadline } from "../../system/deadline.ts";

/** From accept, or from the last answer, to the last byte of a request (T19). */
const REQUEST_MS = 10_000;

/** An agent sends two requests, one of them short. */
const MAX_SENT_BYTES = 2 * (MAX_PAIRING_HEAD_BYTES + MAX_PAIRING_BYTES);

/** Limits all bytes that are sent: a peer that waits for an answer could send for minutes (T21). */
export function watchSentBytes(socket: TLSSocket, onTooMany: () => void): void {
  let left = MAX_SENT_BYTES;
  const onData = (chunk: Buffer) => {
    left -= chunk.length;
    if (left >= 0) return;
    socket.off("data", onData);
    onTooMany();
  };
  socket.on("data", onData);
}

/** The body of one `POST <path>`, within the deadline; undefined for anything else. */
export async function readPost<Schema extends z.ZodMiniType>(
  socket: TLSSocket,
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const posted = await readPosted(socket);
  return posted?.path === path ? readJsonAs(schema, posted.body) : undefined;
}

export interface Posted {
  readonly path: string;
  readonly body: string;
}

/**
 * One POST, whatever its path, within the deadline; undefined for anything else. Closes the socket when the deadline
 * has passed.
 */
export async function readPosted(socket: TLSSocket): Promise<Posted | undefined> {
  const { promise, resolve } = Promise.withResolvers<Posted | undefined>();
  using _deadline = new Deadline(REQUEST_MS, () => socket.destroy());
  const messages = new HttpMessageReader(MAX_PAIRING_BYTES);
  const onData = (chunk: Buffer) => {
    messages.take(chunk);
    try {
      const message = messages.next();
      if (message === undefined) return;
      const path = /^POST (\S+) HTTP\/1\.[01]$/.exec(message.startLine)?.[1];
      resolve(path === undefined ? undefined : { path, body: message.body });
    } catch {
      resolve(undefined);
    }
  };
  const onClose = () => resolve(undefined);
  socket.on("data", onData);
  socket.once("close", onClose);
  if (socket.destroyed) onClose();
  const request = await promise;
  socket.off("data", onData);
  socket.off("close", onClose);
  return request;
}
