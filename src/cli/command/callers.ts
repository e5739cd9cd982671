/** Who called with lent rights: for the log, and for what must be the caller's own (T62). */
import { userId, userName } from "../../system/process/user.ts";
import { type Environment, lentTo, NAME_VARIABLE, ownIds } from "./lent-rights.ts";

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
  const names = new Set(namesOf(env, real, effective));
  const [id, ...others] = new Set(told.map(userId));
  return {
    names: names.size === 0 ? undefined : [...names].join(","),
    id: others.length === 0 ? id : Number.NaN,
  };
}

/**
 * sudo knows names that are not in /etc/passwd, too. Where it has not lent the rights its variables are the caller's own
 * words: they name nobody but the user of SUDO_UID, and hide nobody of whom another lender or the kernel tells.
 */
function namesOf(env: Environment, real: number, effective: number): string[] {
  const bySudo = lentTo({ SUDO_UID: env.SUDO_UID }, effective, effective);
  const byOthers = lentTo({ ...env, SUDO_UID: undefined }, real, effective);
  return [...bySudo.map((id) => env[NAME_VARIABLE] || nameOf(id)), ...byOthers.map(nameOf)];
}

function nameOf(caller: string): string {
  return caller === "" ? "unknown" : userName(caller);
}
