/** What this control host knows of its fleet without asking it, as far as an expression needs it. */
import { type HostExpression, type HostTerm, termsOf } from "../../core/hosts/expression.ts";
import { lowerAscii, parseTarget, type Target } from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { parseOpensslTime } from "../../core/time.ts";
import type { HostFacts, Inventory, RunHosts } from "../fleet/selector.ts";
import { socketAddress } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import { statusReader } from "../trust/serial-report.ts";

/** Terms that are decided by what is recorded of a host. */
const FACT_KINDS: readonly HostTerm["kind"][] = ["stale", "expiring"];

const NO_FACTS: HostFacts = { stale: false, secondsLeft: undefined };

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
    factsOf: terms.some(({ kind }) => FACT_KINDS.includes(kind))
      ? await factsReader(host)
      : () => NO_FACTS,
    runs,
  };
}

function addressesIn(
  terms: readonly Exclude<HostTerm, HostExpression>[],
  runs: ReadonlyMap<string, RunHosts>,
): readonly Target[] {
  const typed = terms.flatMap((term): readonly Target[] => {
    if (term.kind === "host") return [term];
    return term.kind === "nodes" ? term.set.names().map((name) => ({ name, port: term.port })) : [];
  });
  const ofRuns = [...runs.values()].flatMap(({ failed, missed }) =>
    [...failed, ...missed].flatMap((text) => parseTarget(text) ?? []),
  );
  return [...typed, ...ofRuns].filter(({ name }) => isIp(name));
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

async function factsReader(host: HostContext): Promise<(name: string) => HostFacts> {
  const records = await host.store.registry.records();
  const statusOf = await statusReader(host);
  const now = host.now().getTime();
  return (name) => {
    const record = records.get(name);
    if (record === undefined) return NO_FACTS;
    const ends = parseOpensslTime(record.expiry)?.getTime();
    return {
      stale: statusOf(record) === "stale",
      secondsLeft: ends === undefined ? undefined : (ends - now) / 1000,
    };
  };
}
