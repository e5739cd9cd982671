/** Tells whoever watches a run that a host is not heard any more, and that it is heard again. */
import type { Contact } from "../../controller/fleet/contact-watch.ts";
import { screenLine } from "../../core/text.ts";

export class ContactNotes {
  readonly #comeBack: string;
  #isHintSaid = false;

  /** @param comeBack the command by which one comes back to the run */
  constructor(comeBack: string) {
    this.#comeBack = comeBack;
  }

  /** For stderr. What to do is said with the first host alone. */
  text(host: string, contact: Contact): string {
    if (contact.kind === "back") return screenLine`ctrl-exec: ${host} is heard again\n`;
    const { why, seconds } = contact;
    const trying = seconds === undefined ? "trying again" : `trying again for up to ${seconds}s`;
    const note = screenLine`ctrl-exec: Cannot hear ${host}, ${trying}: ${why}\n`;
    if (this.#isHintSaid) return note;
    this.#isHintSaid = true;
    return `${note}What runs there goes on. To leave, press Ctrl-C; to come back: ${this.#comeBack}\n`;
  }
}
