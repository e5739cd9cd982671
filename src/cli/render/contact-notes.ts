/** Tells a person who watches a run that the contact to a host is lost, and that it is restored. */
import type { Contact } from "../../controller/fleet/contact-watch.ts";
import { screenLine } from "../../core/text.ts";

export class ContactNotes {
  readonly #comeBack: string;
  #isHintSaid = false;

  /** @param comeBack the command by which one comes back to the run */
  constructor(comeBack: string) {
    this.#comeBack = comeBack;
  }

  /** For stderr. What to do is said only with the first host. */
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
