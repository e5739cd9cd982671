/** Whether bytes that come in pieces are UTF-8. */
import { isUtf8 } from "node:buffer";
import { cutCharacter } from "./text.ts";

const NOTHING = new Uint8Array();

export class Utf8Check {
  #valid = true;
  /** The beginning of a character, as a copy. */
  #held: Uint8Array = NOTHING;

  take(piece: Uint8Array): void {
    if (!this.#valid) return;
    const all = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    const whole = all.length - cutCharacter(all);
    this.#valid = isUtf8(all.subarray(0, whole));
    this.#held = new Uint8Array(all.subarray(whole));
  }

  /** Called when no more comes. */
  get isUtf8(): boolean {
    return this.#valid && this.#held.length === 0;
  }
}
