/**
 * Whether somebody else's rights are lent to whoever called: by sudo, doas, pkexec, or a setuid bit (T62).
 *
 * Such a rule names the program, and its caller chooses every option. What the caller chooses must
 * then give away no more than the rule's author meant.
 */
import { userId, userName } from "../system/user.ts";

/** What each of them tells the program about its caller, as an id or as a name. */
const CALLER_VARIABLES = ["SUDO_UID", "DOAS_USER", "PKEXEC_UID"] as const;

/** What names the caller as well. */
const NAME_VARIABLE = "SUDO_USER";

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

function ownIds(): readonly [real: number, effective: number] {
  return [process.getuid?.() ?? 0, process.geteuid?.() ?? 0];
}

export interface Callers {
  /** For the log; undefined when no rights are lent. */
  readonly names: string | undefined;
  /** Undefined when no rights are lent; NaN, which is nobody's id, when it is not certain who called. */
  readonly id: number | undefined;
}

/** Who called this process with lent rights. */
export function callers(): Callers {
  return callersOf(process.env, ...ownIds());
}

/** The same of any. */
export function callersOf(env: Environment, real: number, effective: number): Callers {
  const told = lentTo(env, real, effective);
  const names = new Set(told.map((caller) => nameOf(caller, env)));
  const [id, ...others] = new Set(told.map(userId));
  return {
    names: names.size === 0 ? undefined : [...names].join(","),
    id: others.length === 0 ? id : Number.NaN,
  };
}

/** sudo knows names that are not in /etc/passwd, too. */
function nameOf(caller: string, env: Environment): string {
  const name = env[NAME_VARIABLE] ?? "";
  if (caller === env.SUDO_UID && name !== "") return name;
  return caller === "" ? "unknown" : userName(caller);
}

/** For a process that goes on in the background: it is no less lent there. */
export function callerVariables(env: Environment): Environment {
  return Object.fromEntries([...CALLER_VARIABLES, NAME_VARIABLE].map((name) => [name, env[name]]));
}
