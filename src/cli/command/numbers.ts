/** Numbers in options. */
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

export function portOption(value: string | undefined): number | undefined {
  return value === undefined ? undefined : numberOption("port", value, 1, 65_535);
}
