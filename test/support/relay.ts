/** A network between a control host and an agent, of which a subclass says what becomes of each connection. */
import { connect, createServer, type Server, type Socket } from "node:net";

export abstract class Relay implements Disposable {
  /** Sockets of both ends, until they are closed. */
  protected readonly open = new Set<Socket>();
  readonly #server: Server;

  constructor(agentPort: number) {
    this.#server = createServer({ pauseOnConnect: true }, (near) => {
      const far = connect({ host: "127.0.0.1", port: agentPort });
      for (const socket of [near, far]) {
        this.open.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => this.open.delete(socket));
      }
      this.relay(near, far);
    });
  }

  /** @param near the control host's end, which is paused @param far the agent's */
  protected abstract relay(near: Socket, far: Socket): void;

  async listen(): Promise<this> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    await promise;
    return this;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  [Symbol.dispose](): void {
    for (const socket of this.open) socket.destroy();
    this.#server.close();
  }
}
