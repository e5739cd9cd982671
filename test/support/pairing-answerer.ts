/** A pairing port that answers as a test says, with a real control host's credential. */
import { createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { loadCredential, pairingCredential } from "../../src/controller/trust/credential.ts";
import { formatHttpResponse, HttpMessageReader } from "../../src/core/wire/http-message.ts";
import { tlsContext } from "../../src/system/net/tls.ts";
import { until } from "./folder.ts";
import type { LocalFleet } from "./local-fleet.ts";

export type Json = Record<string, unknown>;

/** @returns the answers to one request, one after the other */
type Answers = (body: Json) => AsyncIterable<Json> | Iterable<Json>;

export class PairingAnswerer implements AsyncDisposable {
  readonly #server;
  readonly #sockets = new Set<Socket>();
  received = 0;

  /** @param shown whose certificate the handshake shows, in front of the fleet's CA */
  constructor(fleet: LocalFleet, answers: Answers, shown = fleet) {
    const { ca } = loadCredential(fleet.controller.config, fleet.now);
    const { certificate, keyPem } = loadCredential(shown.controller.config, shown.now);
    const secureContext = tlsContext(pairingCredential({ certificate, keyPem, ca }));
    this.#server = createServer((raw) => {
      this.#sockets.add(raw);
      raw.once("close", () => this.#sockets.delete(raw));
      const socket = new TLSSocket(raw, { isServer: true, secureContext });
      socket.on("error", () => undefined);
      const messages = new HttpMessageReader(65_536);
      socket.on("data", async (chunk: Buffer) => {
        this.received += chunk.length;
        messages.take(chunk);
        for await (const answer of answers(JSON.parse(messages.next()?.body ?? "{}"))) {
          socket.write(formatHttpResponse(JSON.stringify(answer)));
        }
      });
    });
  }

  /** Resolves when nobody is connected any more. */
  async left(): Promise<void> {
    await until("nobody is connected", () => this.#sockets.size === 0);
  }

  async port(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    await promise;
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
