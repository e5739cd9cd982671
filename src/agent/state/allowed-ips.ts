/** `allowed_ips`: which addresses may use the port at all, decided before any byte of TLS. */

import type { AgentConfig } from "../../core/config/agent-config.ts";
import type { ConfigWarning } from "../../core/config/config-file.ts";
import { CtrlExecError } from "../../core/errors.ts";
import {
  AddressList,
  type AddressPrefix,
  parseAddressPrefix,
} from "../../core/net/address-list.ts";

/** The parsed entries of agent.conf. */
export interface AllowedPrefixes {
  /** Undefined when every address may come. */
  readonly prefixes: readonly AddressPrefix[] | undefined;
  readonly warnings: readonly ConfigWarning[];
}

export interface AllowedIps {
  /** Undefined when every address may come. */
  readonly list: AddressList | undefined;
  readonly warnings: readonly ConfigWarning[];
}

/** @throws CtrlExecError `config` */
export async function readAllowedIps(config: AgentConfig): Promise<AllowedIps> {
  const { prefixes, warnings } = parseAllowedIps(config);
  return { list: prefixes && (await AddressList.of(prefixes)), warnings };
}

/**
 * A bad entry is skipped and reported. A list without a good one is an error: it would open the port to
 * everybody or to nobody, and a reader could not tell which (T28).
 *
 * @throws CtrlExecError `config`
 */
export function parseAllowedIps({ file, allowed_ips: entries }: AgentConfig): AllowedPrefixes {
  if (entries === undefined) return { prefixes: undefined, warnings: [] };
  const read = entries.map((entry) => ({ entry, prefix: parseAddressPrefix(entry) }));
  const prefixes = read.flatMap(({ prefix }) => prefix ?? []);
  if (prefixes.length === 0) {
    throw new CtrlExecError("config", `Cannot use ${file}: allowed_ips has no valid entry`, {
      hint: "List addresses or prefixes, such as 192.0.2.1, 10.0.0.0/8, or remove the key.",
    });
  }
  const warnings = read
    .filter(({ prefix }) => prefix === undefined)
    .map(({ entry }) => ({
      key: "allowed_ips",
      message: `"${entry}" is not an address or prefix`,
    }));
  return { prefixes, warnings };
}
