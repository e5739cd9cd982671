/**
 * Whether somebody else's rights are lent to whoever called: by sudo, doas, pkexec, or a setuid bit (T62).
 *
 * Such a rule names the program, and its caller chooses every option. What the caller chooses must
 * then give away no more than the rule's author meant.
 */

/** What each of them tells the program about its caller, as an id or as a name. */
const CALLER_VARIABLES = ["SUDO_UID", "DOAS_USER", "PKEXEC_UID"] as const;

/** What names the caller as well. */
export const NAME_VARIABLE = "SUDO_USER";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Who called, as the lenders tell it: user ids or names. Several where a caller could choose what one of them
 * says (doas with `keepenv`); none when no rights are lent.
 *
 * @param real the user id that called @param effective the one whose rights are used
 */
export function lentTo(env: Environment, real: number, effective: number): readonly string[] {
  // Root lends nothing that it has not got; neither does a user to itself.
  const own = ["0", "root", String(effective)];
  const told = CALLER_VARIABLES.flatMap((name) => env[name] ?? []);
  const callers = told.filter((caller) => !own.includes(caller));
  return real === effective ? callers : [...callers, String(real)];
}

export function areRightsLent(env: Environment, real: number, effective: number): boolean {
  return lentTo(env, real, effective).length > 0;
}

/** The same for this process. */
export function rightsAreLent(): boolean {
  return areRightsLent(process.env, ...ownIds());
}

/** Of this process. */
export function ownIds(): readonly [real: number, effective: number] {
  return [process.getuid?.() ?? 0, process.geteuid?.() ?? 0];
}

/** For a process that goes on in the background: it is no less lent there. */
export function callerVariables(env: Environment): Environment {
  return Object.fromEntries([...CALLER_VARIABLES, NAME_VARIABLE].map((name) => [name, env[name]]));
}
