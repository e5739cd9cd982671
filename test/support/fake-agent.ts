/** A peer with a real agent's certificate that behaves as a test says. */
import { readFileSync } from "node:fs";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { TestAgent } from "./fleet.ts";

export class FakeAgent implements Disposable {
  /** TLS connections that were made so far. */
  connections = 0;
  readonly #server: Server;
  readonly #open = new Set<TLSSocket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Listens on the agent's port instead of it.
   *
   * @param onRequest called for each request's first bytes, which tests send in one piece
   * @param host 0.0.0.0 stands for as many hosts as there are addresses in 127.0.0.0/8
   */
  static async start(
    agent: TestAgent,
    onRequest: (socket: TLSSocket, request: string) => void,
    host = "127.0.0.1",
  ): Promise<FakeAgent> {
    const server = createServer({
      cert: readFileSync(agent.path("agent.crt")),
      key: readFileSync(agent.path("agent.key")),
    });
    const fake = new FakeAgent(server);
    server.on("secureConnection", (socket) => {
      fake.connections += 1;
      fake.#open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => fake.#open.delete(socket));
      socket.on("data", (chunk) => onRequest(socket, chunk.toString("utf8")));
    });
    server.on("tlsClientError", () => undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen({ port: agent.port, host }, resolve);
    await promise;
    return fake;
  }

  /** Hangs up on everybody, like an agent that is restarted. */
  hangUp(): void {
    for (const socket of this.#open) socket.destroy();
  }

  [Symbol.dispose](): void {
    this.hangUp();
    this.#server.close();
  }
}

/** An HTTP answer as our own agents give it. */
export function jsonAnswer(body: unknown, headers: readonly string[] = []): string {
  const json = JSON.stringify(body);
  return [
    "HTTP/1.1 200 OK",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(json)}`,
    ...headers,
    "",
    json,
  ].join("\r\n");
}
