/** A network that keeps what a control host sends to an agent, once, and delivers it when it is told to. */
import { connect, createServer, type Server, type Socket } from "node:net";

export class LateNetwork implements Disposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** The first connection: the agent's end, and what it has not been given. */
  #first: { readonly far: Socket; readonly kept: Buffer[] } | undefined;

  private constructor(agentPort: number) {
    this.#server = createServer((near) => {
      const far = connect({ host: "127.0.0.1", port: agentPort });
      for (const socket of [near, far]) {
        this.#open.add(socket);
        socket.on("error", () => undefined);
      }
      far.pipe(near);
      if (this.#first !== undefined) {
        near.pipe(far);
        return;
      }
      const kept: Buffer[] = [];
      this.#first = { far, kept };
      // The first piece begins a handshake, which the agent answers; the rest of it and the request follow.
      near.once("data", (hello) => {
        far.write(hello);
        near.on("data", (chunk: Buffer) => kept.push(chunk));
      });
    });
  }

  static async to(agentPort: number): Promise<LateNetwork> {
    const network = new LateNetwork(agentPort);
    const { promise, resolve } = Promise.withResolvers<void>();
    network.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    await promise;
    return network;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** The agent has lost patience, as it does after ten seconds: nothing can be delivered. */
  get isTooLate(): boolean {
    return this.#first?.far.destroyed === true;
  }

  /** Whatever has become of the other end meanwhile. */
  deliver(): void {
    for (const chunk of this.#first?.kept ?? []) this.#first?.far.write(chunk);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }
}
