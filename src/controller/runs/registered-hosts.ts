/** Which hosts of a rollout or an upgrade were registered when it was accepted, and no longer are. */
import { CtrlExecError } from "../../core/errors.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";

/** By their labels. */
export function registeredOf(targets: readonly ResolvedTarget[]): ReadonlySet<string> {
  return new Set(targets.flatMap(({ record, label }) => (record === undefined ? [] : [label])));
}

/** When a host is unpaired in the meantime, it must be certain that nothing is sent there any more. */
export async function unregisteredOf(
  { store }: HostContext,
  batch: readonly ResolvedTarget[],
  registered: ReadonlySet<string>,
): Promise<readonly ResolvedTarget[]> {
  const asked = batch.filter(({ label }) => registered.has(label));
  const nameOf = ({ record, name }: ResolvedTarget) => record?.hostname ?? name;
  const known = await store.registry.findAll(asked.map(nameOf));
  return asked.filter((target) => known.get(lowerAscii(nameOf(target)))?.kind !== "agent");
}

/** @throws CtrlExecError `bad-request` */
export async function mustBeRegistered(
  host: HostContext,
  batch: readonly ResolvedTarget[],
  registered: ReadonlySet<string>,
): Promise<void> {
  const gone = await unregisteredOf(host, batch, registered);
  if (gone.length > 0) throw new CtrlExecError("bad-request", noLongerRegistered(gone));
}

export function noLongerRegistered(gone: readonly ResolvedTarget[]): string {
  return `no longer registered: ${namedHosts(gone.map(({ label }) => label))}`;
}
