/** The registered hosts: records that cannot be used, certificates that have expired, and hosts that are silent. */

import { failed } from "../../../core/check.ts";
import { type ControllerConfig, configArgument } from "../../../core/config/controller-config.ts";
import { foldHosts, hostCount, namedHosts } from "../../../core/hosts/fold.ts";
import { pairAgain } from "../../../core/refusal-steps.ts";
import { readSerialLine, type Serial } from "../../../core/serial.ts";
import { shellWord } from "../../../core/shell-word.ts";
import { addDays, parseOpensslTime } from "../../../core/time.ts";
import type { AgentRecord } from "../../store/agent-record.ts";
import type { HostContext } from "../../store/host.ts";
import type { BrokenRecord, Registry } from "../../store/ports/registry.ts";
import { type Finding, looked, passed } from "./finding.ts";

/** Days without an answer from which a host is named. */
const SILENT_DAYS = 30;

/** More are not named one by one. */
const MAX_NAMED = 20;

export async function registryFindings(
  host: HostContext,
  { agents, broken }: Registry,
): Promise<Finding[]> {
  const { config, now, store } = host;
  const records = [...agents.values()];
  const found = [
    ...brokenFindings(broken),
    ...expiredFindings(config, records, now()),
    ...(await looked("revocations", async () => {
      return revokedFindings(config, records, await store.certificates.revoked());
    })),
  ];
  if (found.length > 0) return found;
  return [passed("registry", `${hostCount(records.length)}, every record can be used`)];
}

function brokenFindings(broken: readonly BrokenRecord[]): Finding[] {
  const named = broken.slice(0, MAX_NAMED);
  const found: Finding[] = named.map(({ hostname, problem }) => {
    return failed(`registry ${hostname}`, problem);
  });
  const more = broken.length - named.length;
  if (more === 0) return found;
  const detail = `${more} more records cannot be used`;
  return [...found, { name: "registry", ok: false, detail, remedy: "restore them from a backup" }];
}

function expiredFindings(
  config: ControllerConfig,
  records: readonly AgentRecord[],
  now: Date,
): Finding[] {
  const over = records.filter(({ expiry }) => {
    const end = parseOpensslTime(expiry);
    return end !== undefined && end <= now;
  });
  if (over.length === 0) return [];
  const detail = `the certificates of ${namesOf(over)} have expired`;
  return [
    { name: "certificates", ok: false, detail, remedy: `each of them: ${pairAgain(config)}` },
  ];
}

function revokedFindings(
  config: ControllerConfig,
  records: readonly AgentRecord[],
  revoked: ReadonlySet<Serial>,
): Finding[] {
  const refused = records.filter(({ serial }) => revoked.has(readSerialLine(serial) ?? ""));
  const [first] = refused;
  if (first === undefined) return [];
  const detail = `the certificates of ${namesOf(refused)} are revoked, and the hosts are still registered`;
  const unpair = `ctrl-exec unpair ${first.hostname}${configArgument(config.file)}`;
  const remedy = `each of them: ${unpair}; or ${pairAgain(config)}`;
  return [{ name: "certificates", ok: false, detail, remedy }];
}

/** @param contacts when each last answered, by lower-case name */
export function silentFindings(
  config: ControllerConfig,
  agents: Registry["agents"],
  contacts: ReadonlyMap<string, Date>,
  now: Date,
): Finding[] {
  const since = addDays(now, -SILENT_DAYS);
  const silent = [...agents].flatMap(([name, record]) => {
    const last = lastHeard(record, contacts.get(name));
    return last < since ? [record] : [];
  });
  if (silent.length === 0) {
    return [passed("contact", `every host was heard from in the last ${SILENT_DAYS} days`)];
  }
  const detail = `nothing was heard from ${namesOf(silent)} for ${SILENT_DAYS} days`;
  const hosts = shellWord(foldHosts(silent.map(({ hostname }) => hostname)));
  const remedy = `ctrl-exec ping ${hosts}${configArgument(config.file)}`;
  return [{ name: "contact", ok: false, detail, remedy }];
}

/** What was learned may be lost at any time: the record has times of answers too. */
function lastHeard(record: AgentRecord, contact: Date | undefined): Date {
  const { paired, renewed, serial_confirmed } = record;
  const times = [paired, renewed, serial_confirmed].map((text) => new Date(text).getTime());
  return new Date(Math.max(contact?.getTime() ?? 0, ...times.filter((time) => time > 0)));
}

function namesOf(records: readonly AgentRecord[]): string {
  return namedHosts(records.map(({ hostname }) => hostname));
}
