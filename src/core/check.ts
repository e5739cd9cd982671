/** A line of a self-check, the agent's (`self-check`) or the control host's (`doctor`). */
import { CtrlExecError, messageOf } from "./errors.ts";

export interface Check {
  /** What was checked. */
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** What to do about it, when it is not ok. */
  readonly remedy?: string;
}

/** @param remedy for a fault that has no remedy of its own */
export function failed(name: string, thrown: unknown, remedy?: string): Check {
  const hint = thrown instanceof CtrlExecError ? thrown.hint : undefined;
  const known = hint ?? remedy;
  const base = { name, ok: false, detail: messageOf(thrown) };
  return known === undefined ? base : { ...base, remedy: known };
}

/** What a check finds, or why it could not be made. */
export function attempt(name: string, check: () => Check): Check {
  try {
    return check();
  } catch (thrown) {
    return failed(name, thrown);
  }
}

export function attemptValue<Value>(read: () => Value): {
  readonly value: Value | undefined;
  readonly problem: unknown;
} {
  try {
    return { value: read(), problem: undefined };
  } catch (problem) {
    return { value: undefined, problem };
  }
}
