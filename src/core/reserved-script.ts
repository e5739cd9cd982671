/** Script names that change the trust between hosts: only the program asks for them, never a caller (T63). */
import { UPDATE_SERIAL_SCRIPT } from "./wire/messages.ts";

/** Ignores case and surrounding blanks, so that it does not matter how an agent treats them. */
export function isReservedScript(name: string): boolean {
  return name.trim().toLowerCase() === UPDATE_SERIAL_SCRIPT;
}
