/** A network that keeps what a control host sends to an agent, once, and delivers it when it is told to. */
import type { Socket } from "node:net";
import { Relay } from "./relay.ts";

export class LateNetwork extends Relay {
  /** The first connection: the agent's end, and what it has not been given. */
  #first: { readonly far: Socket; readonly kept: Buffer[] } | undefined;

  static async to(agentPort: number): Promise<LateNetwork> {
    return await new LateNetwork(agentPort).listen();
  }

  protected relay(near: Socket, far: Socket): void {
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
    near.resume();
  }

  /** The agent has lost patience, as it does after ten seconds: nothing can be delivered. */
  get isTooLate(): boolean {
    return this.#first?.far.destroyed === true;
  }

  /** Whatever has become of the other end meanwhile. */
  deliver(): void {
    for (const chunk of this.#first?.kept ?? []) this.#first?.far.write(chunk);
  }
}
