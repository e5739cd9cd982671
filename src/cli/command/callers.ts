/**
 * Who called this program through sudo and the like: for the log, and for files that must be the caller's own
 * (T62).
 */
import { userId, userName } from "../../system/process/user.ts";
import { type Environment, lentTo, NAME_VARIABLE, ownIds } from "./lent-rights.ts";

export interface Callers {
  /** For the log; undefined if no rights are lent. */
  readonly names: string | undefined;
  /** Undefined if no rights are lent; NaN, which is nobody's id, if it is not certain who called. */
  readonly id: number | undefined;
}

/** The callers of this process. */
export function callers(): Callers {
  return callersOf(process.env, ...ownIds());
}

/** The same for any environment and ids. */
export function callersOf(env: Environment, real: number, effective: number): Callers {
  const told = lentTo(env, real, effective);
  const names = new Set(namesOf(env, real, effective));
  const [id, ...others] = new Set(told.map(userId));
  return {
    names: names.size === 0 ? undefined : [...names].join(","),
    id: others.length === 0 ? id : Number.NaN,
  };
}

/**
 * sudo also knows names that are not in /etc/passwd. If it was not sudo that lent the rights, the caller chose
 * its variables: they can name only the user of SUDO_UID, and can hide nobody whom another lender or the kernel
 * names.
 */
function namesOf(env: Environment, real: number, effective: number): string[] {
  const bySudo = lentTo({ SUDO_UID: env.SUDO_UID }, effective, effective);
  const byOthers = lentTo({ ...env, SUDO_UID: undefined }, real, effective);
  return [...bySudo.map((id) => env[NAME_VARIABLE] || nameOf(id)), ...byOthers.map(nameOf)];
}

function nameOf(caller: string): string {
  return caller === "" ? "unknown" : userName(caller);
}
