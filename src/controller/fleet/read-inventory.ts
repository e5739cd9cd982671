/** What this control host knows about its fleet without asking it, as far as an expression needs it. */
import { type HostExpression, type HostTerm, termsOf } from "../../core/hosts/expression.ts";
import { lowerAscii, parseTarget, type Target } from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { socketAddress } from "../../core/net/socket-address.ts";
import { parseOpensslTime } from "../../core/time.ts";
import { parseVersion, type Version } from "../../core/version-order.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import type { KnownHost } from "../store/ports/learned.ts";
import { statusReader } from "../trust/serial-report.ts";
import type { HostFacts } from "./host-facts.ts";
import { NO_TAGS, usedTags } from "./host-tags.ts";
import type { Inventory, RunHosts } from "./selector.ts";

/** Terms that are decided by the registry's records, and by what the hosts have reported. */
const RECORD_KINDS: readonly HostTerm["kind"][] = ["stale", "expiring", "tags"];
const LEARNED_KINDS: readonly HostTerm["kind"][] = ["tags", "version"];

const NO_FACTS: HostFacts = {
  stale: false,
  secondsLeft: undefined,
  version: undefined,
  ...NO_TAGS,
};

/**
 * @param runs those that the expression names
 * @throws CtrlExecError `config` if the registry cannot be read
 */
export async function readInventory(
  host: HostContext,
  expression: HostExpression,
  runs: ReadonlyMap<string, RunHosts>,
): Promise<Inventory> {
  const terms = [...termsOf(expression)];
  const names = await host.store.registry.names();
  const registered = new Set(names);
  const namesAt = await addressReader(host, addressesIn(terms, runs));
  return {
    names,
    registeredAs(name, port) {
      if (isIp(name)) return namesAt(name, port);
      const lower = lowerAscii(name);
      return registered.has(lower) ? [lower] : [];
    },
    factsOf: await factsReader(host, terms),
    runs,
  };
}

function addressesIn(
  terms: readonly Exclude<HostTerm, HostExpression>[],
  runs: ReadonlyMap<string, RunHosts>,
): readonly Target[] {
  const typed = terms.flatMap((term): readonly Target[] => {
    if (term.kind === "host") return [term];
    if (term.kind !== "nodes" || !mayBeAddress(term.set.longest)) return [];
    return term.set.names().map((name) => ({ name, port: term.port }));
  });
  const ofRuns = [...runs.values()].flatMap(({ failed, missed }) =>
    [...failed, ...missed].flatMap((text) => parseTarget(text) ?? []),
  );
  return [...typed, ...ofRuns].filter(({ name }) => isIp(name));
}

/** The names of a node set differ only in digits: if one has a letter and no colon, none of them is an address. */
function mayBeAddress(name: string): boolean {
  return /^[\d.]*$/.test(name) || name.includes(":");
}

async function addressReader({ store }: HostContext, asked: readonly Target[]) {
  const found =
    asked.length === 0
      ? []
      : await store.registry.namesAt(asked.map(({ name, port }) => ({ address: name, port })));
  const there = new Map(
    asked.map(({ name, port }, index) => [socketAddress(name, port), found[index] ?? []]),
  );
  return (name: string, port: number | undefined) => there.get(socketAddress(name, port)) ?? [];
}

/** Reads what the terms need, and nothing else. */
async function factsReader(
  host: HostContext,
  terms: readonly { readonly kind: HostTerm["kind"] }[],
): Promise<(name: string) => HostFacts> {
  const need = (kinds: readonly HostTerm["kind"][]) =>
    terms.some(({ kind }) => kinds.includes(kind));
  if (!need(RECORD_KINDS) && !need(LEARNED_KINDS)) return () => NO_FACTS;
  const records = need(RECORD_KINDS) ? await host.store.registry.records() : new Map();
  const known = need(LEARNED_KINDS) ? await host.store.learned.known() : new Map();
  const statusOf = need(["stale"]) ? await statusReader(host) : undefined;
  const now = host.now().getTime();
  const versionOf = versionReader();
  return (name) => {
    const record: AgentRecord | undefined = records.get(name);
    const told: KnownHost | undefined = known.get(name);
    return {
      stale: record !== undefined && statusOf?.(record) === "stale",
      get secondsLeft() {
        const ends = parseOpensslTime(record?.expiry ?? "")?.getTime();
        return ends === undefined ? undefined : (ends - now) / 1000;
      },
      version: told?.version && versionOf(told.version.value),
      ...usedTags(host.config, record, told),
    };
  };
}

/** Thousands of hosts run a few versions. */
function versionReader(): (text: string) => Version | undefined {
  const read = new Map<string, Version | undefined>();
  return (text) => {
    if (!read.has(text)) read.set(text, parseVersion(text));
    return read.get(text);
  };
}
