/** A client that speaks raw TLS and raw HTTP to an agent, badly on purpose. */
import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type SecureContextOptions, type TLSSocket } from "node:tls";
import type { ControlHost } from "./fleet.ts";

export interface Identity {
  readonly cert?: string;
  readonly key?: string;
}

/** What the control host itself shows. */
export function controllerIdentity(control: ControlHost): Identity {
  const read = (name: string) => readFileSync(control.folder.join("control", name), "utf8");
  return { cert: read("ctrl-exec.crt"), key: read("ctrl-exec.key") };
}

export interface RawReply {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The reply, or what became of the connection instead: an error code, or `closed`. */
export type RawOutcome = RawReply | { readonly failed: string };

export interface RawOptions extends SecureContextOptions {
  readonly localAddress?: string;
  readonly session?: Buffer;
}

/** Opens TLS; the certificate of the other side is not judged. */
export function openTls(port: number, identity: Identity, options: RawOptions = {}): TLSSocket {
  return connectTls({
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
    ...identity,
    ...options,
  });
}

export function openTcp(port: number): Socket {
  return connectTcp({ host: "127.0.0.1", port });
}

/** Writes the bytes as soon as the connection is there, and reads the first whole response. */
export function exchange(
  socket: Socket | TLSSocket,
  bytes: string | Uint8Array,
): Promise<RawOutcome> {
  const { promise, resolve } = Promise.withResolvers<RawOutcome>();
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const reply = wholeReply(received);
    if (reply !== undefined) resolve(reply);
  });
  socket.on("error", (error: NodeJS.ErrnoException) => resolve({ failed: error.code ?? "error" }));
  socket.on("close", () => resolve({ failed: "closed" }));
  if (bytes.length > 0) socket.write(bytes);
  return promise;
}

function wholeReply(bytes: Buffer): RawReply | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end);
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  if (bytes.length < end + 4 + length) return undefined;
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
  return { status, head, body: bytes.toString("utf8", end + 4, end + 4 + length) };
}

/** One request on a connection of its own. */
export async function ask(
  port: number,
  identity: Identity,
  request: string | Uint8Array,
  options: RawOptions = {},
): Promise<RawOutcome> {
  const socket = openTls(port, identity, options);
  try {
    return await exchange(socket, request);
  } finally {
    socket.destroy();
  }
}

/** A well-formed request. */
export function post(path: string, body: unknown, headers: readonly string[] = []): string {
  const json = typeof body === "string" ? body : JSON.stringify(body);
  return [
    `POST ${path} HTTP/1.1`,
    "Host: agent",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(json)}`,
    ...headers,
    "",
    json,
  ].join("\r\n");
}

export function get(path: string, headers: readonly string[] = []): string {
  return [`GET ${path} HTTP/1.1`, "Host: agent", ...headers, "", ""].join("\r\n");
}

/** The status of a reply; 0 when there was none. */
export function statusOf(outcome: RawOutcome): number {
  return "status" in outcome ? outcome.status : 0;
}

/** The JSON of a reply. */
export function jsonOf(outcome: RawOutcome): Record<string, unknown> {
  if (!("status" in outcome)) throw new Error(`no reply: ${outcome.failed}`);
  return JSON.parse(outcome.body);
}

/** Runs `count` tasks, `width` at a time. */
export async function inParallel<Result>(
  count: number,
  width: number,
  task: (index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = Array.from({ length: count }, (_, index) => index).values();
  const worker = async () => {
    for (const index of queue) results[index] = await task(index);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
