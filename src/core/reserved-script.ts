/** Script names that work on the trust between hosts: the program asks for them, and no caller (T63). */
import { UPDATE_SERIAL_SCRIPT } from "./wire/messages.ts";

/** Without regard to case and blanks around it: nobody should have to know what some agent makes of them. */
export function isReservedScript(name: string): boolean {
  return name.trim().toLowerCase() === UPDATE_SERIAL_SCRIPT;
}
