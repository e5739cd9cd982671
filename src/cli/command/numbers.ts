/** Numbers and lengths of time in options. */
import { DURATION_FORMS, typedSeconds } from "../../core/duration.ts";
import { CtrlExecError } from "../../core/errors.ts";

/** @throws CtrlExecError `usage` */
export function numberOption(name: string, value: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new CtrlExecError(
    "usage",
    `--${name} takes a whole number from ${min} to ${max}, not "${value}"`,
  );
}

/** A length of time, in seconds. @throws CtrlExecError `usage` */
export function durationOption(name: string, value: string, min: number, max: number): number {
  const seconds = typedSeconds(value) ?? Number.NaN;
  if (seconds >= min && seconds <= max) return seconds;
  throw new CtrlExecError(
    "usage",
    `--${name} takes ${min} to ${max} seconds, or a time such as ${DURATION_FORMS}, not "${value}"`,
  );
}

export function portOption(value: string | undefined): number | undefined {
  return value === undefined ? undefined : numberOption("port", value, 1, 65_535);
}
