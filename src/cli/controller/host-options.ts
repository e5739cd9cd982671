/** The hosts of a command line: its words, and the options that narrow them. */
import type { HostChoice } from "../../controller/fleet/host-choice.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { parseSampleSize } from "../../core/hosts/sample-size.ts";

export interface HostOptions {
  readonly except: string | undefined;
  readonly limit: string | undefined;
}

/**
 * @param port the call's own port
 * @throws CtrlExecError `usage`
 */
export function hostChoice(
  hosts: readonly string[],
  { except, limit }: HostOptions,
  port: number | undefined,
): HostChoice {
  const size = limit === undefined ? undefined : parseSampleSize(limit);
  if (limit !== undefined && size === undefined) {
    throw new CtrlExecError(
      "usage",
      `--limit "${limit}" is neither a number of hosts nor a percentage`,
      {
        hint: "For example --limit 10, or --limit 10%.",
      },
    );
  }
  return { hosts, except: except === undefined ? [] : [except], limit: size, port };
}
