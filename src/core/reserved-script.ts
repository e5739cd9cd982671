/** Script names that work on the trust between hosts: the program asks for them, and no caller (T63). */
import { UPDATE_SERIAL_SCRIPT } from "./messages.ts";

/** Without regard to case: nobody should have to know whether some agent's scripts.conf has one. */
export function isReservedScript(name: string): boolean {
  return name.toLowerCase() === UPDATE_SERIAL_SCRIPT;
}
