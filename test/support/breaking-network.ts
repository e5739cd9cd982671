/** A network between a control host and an agent that breaks when it is told to. */
import { connect, createServer, type Server, type Socket } from "node:net";

export class BreakingNetwork implements Disposable {
  /** Connections that were made so far. */
  connections = 0;
  /** Bytes that the agent sends over one connection before it breaks. */
  breaksAfter = Number.POSITIVE_INFINITY;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(agentPort: number) {
    this.#server = createServer({ pauseOnConnect: true }, (near) => {
      this.connections += 1;
      const far = connect({ host: "127.0.0.1", port: agentPort });
      let left = this.breaksAfter;
      far.on("data", (chunk) => {
        left -= chunk.length;
        if (left < 0) this.#break(near, far);
      });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#open.add(one);
        one.on("error", () => undefined);
        one.on("close", () => {
          this.#open.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  static async to(agentPort: number): Promise<BreakingNetwork> {
    const network = new BreakingNetwork(agentPort);
    const { promise, resolve } = Promise.withResolvers<void>();
    network.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    await promise;
    return network;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  #break(...sockets: readonly Socket[]): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }

  [Symbol.dispose](): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }
}
