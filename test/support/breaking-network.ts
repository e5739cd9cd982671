/** A network between a control host and an agent that breaks when it is told to. */
import type { Socket } from "node:net";
import { Relay } from "./relay.ts";

export class BreakingNetwork extends Relay {
  /** Connections that were made so far. */
  connections = 0;
  /** Bytes that the agent sends over one connection before it breaks. */
  breaksAfter = Number.POSITIVE_INFINITY;

  static async to(agentPort: number): Promise<BreakingNetwork> {
    return await new BreakingNetwork(agentPort).listen();
  }

  protected relay(near: Socket, far: Socket): void {
    this.connections += 1;
    let left = this.breaksAfter;
    far.on("data", (chunk) => {
      left -= chunk.length;
      if (left < 0) for (const socket of [near, far]) socket.resetAndDestroy();
    });
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  }
}
