/**
 * Output of a script for a terminal, as it comes (T74): its colours pass, and everything else that a terminal would
 * obey is made visible.
 *
 * A tab passes: it moves only to the right, within its line. A carriage return never passes, because what follows
 * would be drawn over what is already there: before a newline it is removed, and elsewhere it is made visible.
 */
import { forColourTerminal, forTerminal } from "../../core/text.ts";

const ESCAPE = "\u001b";

/** What follows the escape of a colour, as far as it has arrived. */
const UNFINISHED_COLOUR = /^(?:\[[\d;:]{0,64})?$/;

/** Resets all colours. */
export const RESET = `${ESCAPE}[0m`;

export class TerminalFilter {
  readonly #coloured: boolean;
  /** Bytes that are not UTF-8 are replaced, so that none of them is a control character on its own. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #unfinished = "";
  #hadColours = false;

  /** @param coloured false if no colours are wanted: then they are shown like the rest */
  constructor(coloured: boolean) {
    this.#coloured = coloured;
  }

  /** @param piece may end anywhere: within a character, or a sequence */
  take(piece: Uint8Array): string {
    const text = this.#unfinished + this.#decoder.decode(piece, { stream: true });
    const end = finishedLength(text);
    this.#unfinished = text.slice(end);
    return this.#shown(text.slice(0, end));
  }

  /** What is left; the terminal has its own colours again. */
  end(): string {
    const text = this.#shown(this.#unfinished + this.#decoder.decode());
    const reset = this.#hadColours ? RESET : "";
    this.#unfinished = "";
    this.#hadColours = false;
    return text + reset;
  }

  #shown(text: string): string {
    if (!this.#coloured) return forTerminal(text);
    const shown = forColourTerminal(text);
    this.#hadColours ||= shown.includes(ESCAPE);
    return shown;
  }
}

/** How much of the text is complete without the next piece: a colour or the end of a line may come with that. */
function finishedLength(text: string): number {
  if (text.endsWith("\r")) return text.length - 1;
  const at = text.lastIndexOf(ESCAPE);
  return at >= 0 && UNFINISHED_COLOUR.test(text.slice(at + 1)) ? at : text.length;
}
