/** What an answer says about the hosts that its request has chosen. */
import { type HostChoice, noteInOneLine } from "../controller/fleet/host-choice.ts";

export class Warnings {
  readonly #texts: string[] = [];

  /** For the choice. */
  readonly onNote: NonNullable<HostChoice["onNote"]> = (note) => {
    this.#texts.push(noteInOneLine(note));
  };

  /** The member of the answer; none if there is nothing to say. */
  get member(): { readonly warnings?: string[] } {
    return this.#texts.length === 0 ? {} : { warnings: [...this.#texts] };
  }
}
