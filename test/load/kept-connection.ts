/**
 * A client of the API as it should be: one connection, which it uses again for as long as the answers announce, and no
 * longer. What it is not answered is the API's fault, and never that of a pool that knows nothing of the announcement.
 */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { handshakePace } from "../../src/system/net/handshake-pace.ts";

/** Of what was announced, so much is left for a request's way. */
const MARGIN_MS = 1_000;

export class KeptConnection {
  readonly #open: () => Socket;
  #socket: Socket | undefined;
  #usableUntil = 0;

  /** @param url of the API */
  constructor(url: string) {
    const { protocol, hostname: host, port } = new URL(url);
    const where = { host, port: Number(port) };
    this.#open = () =>
      protocol === "http:" ? connect(where) : connectTls({ ...where, rejectUnauthorized: false });
  }

  get(path: string) {
    return this.#ask(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  }

  post(path: string, body: unknown) {
    const json = JSON.stringify(body);
    const type = "Content-Type: application/json";
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${type}\r\nContent-Length: ${Buffer.byteLength(json)}`;
    return this.#ask(`${head}\r\n\r\n${json}`);
  }

  /** @throws when the connection ends before the answer has come */
  async #ask(request: string): Promise<{ readonly status: number; readonly text: string }> {
    const socket = await this.#usable();
    socket.write(request);
    const { head, text } = await answerFrom(socket);
    const [, seconds = "0"] = /^keep-alive: timeout=(\d+)/im.exec(head) ?? [];
    const isKept = !/^connection: close/im.test(head);
    this.#usableUntil = isKept ? Date.now() + Number(seconds) * 1000 - MARGIN_MS : 0;
    return { status: Number(head.split(" ")[1]), text };
  }

  async #usable(): Promise<Socket> {
    const kept = this.#socket;
    if (kept !== undefined && !kept.destroyed && Date.now() < this.#usableUntil) return kept;
    kept?.destroy();
    // There are hundreds in this process, and the runtime would leave the oldest waiting.
    await handshakePace.turn("client");
    const socket = this.#open();
    socket.on("error", () => undefined);
    this.#socket = socket;
    return socket;
  }

  close(): void {
    this.#socket?.destroy();
  }
}

async function answerFrom(
  socket: Socket,
): Promise<{ readonly head: string; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ head: string; text: string }>();
  let bytes = Buffer.alloc(0);
  const fail = (why: unknown) => reject(why instanceof Error ? why : new Error("hung up on"));
  const take = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = bytes.toString("latin1", 0, end);
    const [, length] = /^content-length: (\d+)/im.exec(head) ?? [];
    if (length === undefined) fail(new Error(`an answer without its length: ${head}`));
    const text = bytes.subarray(end + 4);
    if (text.length >= Number(length)) resolve({ head, text: text.toString() });
  };
  socket.on("data", take).on("error", fail).on("close", fail);
  try {
    return await promise;
  } finally {
    socket.off("data", take).off("error", fail).off("close", fail);
  }
}
