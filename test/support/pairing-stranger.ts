/** Anybody on the pairing port: sends bytes as they are, and keeps what comes back. */
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { createCsr } from "../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../src/pki/keys.ts";
import { until } from "./folder.ts";
import { http10 } from "./peers.ts";

export class PairingStranger implements Disposable {
  readonly #socket: ReturnType<typeof connect>;
  text = "";
  closed = false;

  /** @param from the address it calls from, of 127.0.0.0/8 */
  constructor(port: number, bytes: string, from = "127.0.0.1") {
    const socket = connectTcp({ host: "127.0.0.1", port, localAddress: from });
    this.#socket = connect({ socket, rejectUnauthorized: false });
    this.#socket.on("data", (chunk) => {
      this.text += chunk.toString();
    });
    this.#socket.on("close", () => {
      this.closed = true;
    });
    this.#socket.on("error", () => undefined);
    socket.on("error", () => undefined);
    this.#socket.write(bytes);
  }

  send(bytes: string): void {
    this.#socket.write(bytes);
  }

  /** The first answer. */
  async answered(): Promise<{ status: string; reqid?: string; reason?: string }> {
    await until("the controller answers", () => this.closed || /\r\n\r\n\{.*\}/.test(this.text));
    return JSON.parse(this.text.split("\r\n\r\n")[1] ?? "{}");
  }

  /** The last one, once the connection is closed. */
  async decided(): Promise<{ status: string; reason?: string }> {
    await until("the controller hangs up", () => this.closed);
    return JSON.parse(this.text.slice(this.text.lastIndexOf("\r\n\r\n")) || "{}");
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

export const NONCE = "0123456789abcdef0123456789abcdef";

export async function csrFor(hostname: string): Promise<string> {
  return await createCsr(hostname, readPrivateKey(await generateKeyPem("ec"), "key"));
}

export function pairPost(body: unknown, line = "POST /pair HTTP/1.0"): string {
  return http10(body).replace("HTTP/1.0 200 OK", line);
}

/** A sound request. */
export async function pairingRequest(hostname: string): Promise<string> {
  return pairPost({ hostname, csr: await csrFor(hostname), nonce: NONCE });
}
