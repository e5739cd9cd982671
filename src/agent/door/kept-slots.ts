/**
 * An address that has shown the controller's serial keeps one handshake at a time while a limit blocks it:
 * others who share it, behind NAT or on the control host itself, can neither lock the control host out nor do
 * more than any blocked stranger (T21).
 */
import { Semaphore } from "../../core/semaphore.ts";

/** How many connections of one address may wait for its slot; further ones are refused. */
const MAX_WAITING = 16;

interface Line {
  readonly slot: Semaphore;
  /** Including the one that has the slot. */
  length: number;
}

export class KeptSlots {
  readonly #lines = new Map<string, Line>();

  isFull(ip: string): boolean {
    return (this.#lines.get(ip)?.length ?? 0) > MAX_WAITING;
  }

  /** Does the work once those who came earlier have had the slot. */
  async inTurn(ip: string, work: () => Promise<void>): Promise<void> {
    const line = this.#lines.get(ip) ?? { slot: new Semaphore(1), length: 0 };
    this.#lines.set(ip, line);
    line.length += 1;
    const release = await line.slot.acquire();
    try {
      await work();
    } finally {
      release();
      line.length -= 1;
      if (line.length === 0) this.#lines.delete(ip);
    }
  }
}
