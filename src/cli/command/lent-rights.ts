/**
 * Whether the caller was lent somebody else's rights: by sudo, doas, pkexec, or a setuid bit (T62).
 *
 * Such a rule names the program, and the caller chooses every option. Those choices must not grant more than
 * the rule's author meant.
 */

/** The variables by which each of them names the caller, as an id or a name. */
const CALLER_VARIABLES = ["SUDO_UID", "DOAS_USER", "PKEXEC_UID"] as const;

/** Also names the caller. */
export const NAME_VARIABLE = "SUDO_USER";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The callers according to sudo and the like: user ids or names. Several if a caller could choose what one of
 * them says (doas with `keepenv`); none if no rights are lent.
 *
 * @param real the user id that called
 * @param effective the one whose rights are used
 */
export function lentTo(env: Environment, real: number, effective: number): readonly string[] {
  // Calling from root, or from the same user, lends nothing.
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

/** The user ids of this process. */
export function ownIds(): readonly [real: number, effective: number] {
  return [process.getuid?.() ?? 0, process.geteuid?.() ?? 0];
}

/** For a process in the background, whose rights are still lent. */
export function callerVariables(env: Environment): Environment {
  return Object.fromEntries([...CALLER_VARIABLES, NAME_VARIABLE].map((name) => [name, env[name]]));
}
