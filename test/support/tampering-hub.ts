/**
 * A hub that does not keep to the rules: the real one, with somebody between it and the agents. What passes here is what
 * a hub sees of a call.
 */
import type { Socket } from "node:net";
import { Relay } from "./relay.ts";

/** One connection that was dialled with a ticket. */
export interface SplicedCall {
  /** The agent's end. */
  readonly agent: Socket;
  /** The hub's end, which has been told nothing yet. */
  readonly hub: Socket;
  readonly ticket: string;
  /** The agent's first line, which the hub waits for. */
  readonly greeting: Buffer;
}

export class TamperingHub extends Relay {
  /** What becomes of calls. */
  tamper: (call: SplicedCall) => void = passOn;
  /** Control connections that are open. */
  readonly control = new Set<Socket>();

  static async before(hubPort: number): Promise<TamperingHub> {
    return await new TamperingHub(hubPort).listen();
  }

  protected relay(near: Socket, far: Socket): void {
    near.once("data", (greeting: Buffer) => {
      const [, ticket] = /^ctrl-exec-hub\/1 ticket (\w+)\n/.exec(greeting.toString("latin1")) ?? [];
      if (ticket !== undefined) {
        near.pause();
        this.tamper({ agent: near, hub: far, ticket, greeting });
        return;
      }
      this.control.add(near);
      near.on("close", () => this.control.delete(near));
      far.write(greeting);
      join(near, far);
    });
    near.resume();
  }
}

/** As an honest hub. */
export function passOn({ agent, hub, greeting }: SplicedCall): void {
  hub.write(greeting);
  join(agent, hub);
}

export function join(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
}
