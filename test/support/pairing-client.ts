/** An agent that a test plays on the pairing port: raw TLS, and HTTP as 0.8 writes it by hand. */
import { connect } from "node:tls";
import { HttpMessageReader } from "../../src/core/wire/http-message.ts";
import { until } from "./folder.ts";
import { http10 } from "./peers.ts";

export interface PairingReply {
  readonly status: string;
  readonly reqid?: string;
  readonly value?: string;
  readonly reason?: string;
  readonly nonce?: string;
}

export const NONCE = "0123456789abcdef0123456789abcdef";

export class PairingClient implements Disposable {
  readonly #socket: ReturnType<typeof connect>;
  readonly closed: Promise<void>;
  #isClosed = false;
  readonly #messages = new HttpMessageReader(65_536);

  constructor(port: number) {
    this.#socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#messages.take(chunk);
    });
    this.closed = new Promise((resolve) =>
      this.#socket.once("close", () => {
        this.#isClosed = true;
        resolve();
      }),
    );
  }

  /** What the other side shows, DER. */
  get certificate(): Buffer {
    return this.#socket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0);
  }

  post(path: string, body: object): void {
    this.#socket.write(http10(body).replace("HTTP/1.0 200 OK", `POST ${path} HTTP/1.0`));
  }

  /** The next answer, with exactly the members it has. */
  async reply(): Promise<PairingReply> {
    let taken: ReturnType<HttpMessageReader["next"]>;
    await until("the control host answers", () => {
      taken = this.#messages.next();
      return taken !== undefined || this.#isClosed;
    });
    if (taken === undefined) throw new Error("the control host closed the connection");
    return JSON.parse(taken.body);
  }

  async asks(path: string, body: object): Promise<PairingReply> {
    this.post(path, body);
    return await this.reply();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
