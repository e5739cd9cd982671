/**
 * Whether somebody else's rights are lent to whoever called: by sudo, doas, pkexec, or a setuid bit (T62).
 *
 * Such a rule names the program, and its caller chooses every option. What the caller chooses must
 * then give away no more than the rule's author meant.
 */

/** What each of them tells the program about its caller, as an id or as a name. */
const CALLER_VARIABLES = ["SUDO_UID", "DOAS_USER", "PKEXEC_UID"] as const;

export type Environment = Readonly<Record<string, string | undefined>>;

/** @param real the user id that called @param effective the one whose rights are used */
export function areRightsLent(env: Environment, real: number, effective: number): boolean {
  if (real !== effective) return true;
  // Root lends nothing that it has not got; neither does a user to itself.
  const own = ["0", "root", String(effective)];
  return CALLER_VARIABLES.some((name) => {
    const caller = env[name];
    return caller !== undefined && !own.includes(caller);
  });
}

/** The same for this process. */
export function rightsAreLent(): boolean {
  return areRightsLent(process.env, process.getuid?.() ?? 0, process.geteuid?.() ?? 0);
}

/** For a process that goes on in the background: it is no less lent there. */
export function callerVariables(env: Environment): Environment {
  return Object.fromEntries(CALLER_VARIABLES.map((name) => [name, env[name]]));
}
