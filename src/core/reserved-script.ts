/** Script names that change the trust between hosts: only the program asks for them, never a caller (T63). */

/** The name in every agent's allowlist, even 0.8's, of the script that takes the controller's new serial. */
export const UPDATE_SERIAL_SCRIPT = "update-ctrl-exec-serial";

/** Ignores case and surrounding blanks, so that it does not matter how an agent treats them. */
export function isReservedScript(name: string): boolean {
  return name.trim().toLowerCase() === UPDATE_SERIAL_SCRIPT;
}
