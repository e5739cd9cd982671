/** Which hosts of a rollout are asked together, and in which order the batches come. Pure. */
import { batchSize, type RolloutSetting } from "../../core/rollout.ts";

/** A host's value of a tag; undefined if it has none. */
export type TagValue<Host> = (host: Host, key: string) => string | undefined;

/**
 * Every host is in exactly one batch, as early as the sizes and bounds let it, in the order given. Hosts without a
 * value count as one value together: they may be anywhere.
 *
 * @param total the hosts of which a percentage is taken
 */
export function planBatches<Host>(
  hosts: readonly Host[],
  { batch, per_tag }: Pick<RolloutSetting, "batch" | "per_tag">,
  total: number,
  tagValue: TagValue<Host>,
): readonly (readonly Host[])[] {
  const bounds = Object.entries(per_tag);
  const batches: Host[][] = [];
  // Made once: every batch looks at every host that is left.
  const values = (host: Host) =>
    bounds.map(([key, most]) => {
      return { name: JSON.stringify([key, tagValue(host, key) ?? null]), most };
    });
  let left: readonly Bounded<Host>[] = hosts.map((host) => ({ host, values: values(host) }));
  while (left.length > 0) {
    const size = batch[Math.min(batches.length, batch.length - 1)] ?? { percent: 100 };
    const [taken, others] = takeBatch(left, batchSize(size, total));
    batches.push(taken.map(({ host }) => host));
    left = others;
  }
  return batches;
}

interface Bounded<Host> {
  readonly host: Host;
  /** Its value of each tag by which batches are bounded, and how many hosts of it may be in one. */
  readonly values: readonly { readonly name: string; readonly most: number }[];
}

/** At least one host is taken, since every bound lets in the first. */
function takeBatch<Host>(
  hosts: readonly Bounded<Host>[],
  size: number,
): [taken: Bounded<Host>[], others: readonly Bounded<Host>[]] {
  const counts = new Map<string, number>();
  const taken: Bounded<Host>[] = [];
  const others: Bounded<Host>[] = [];
  for (const [position, host] of hosts.entries()) {
    if (taken.length === size) return [taken, [...others, ...hosts.slice(position)]];
    if (host.values.some(({ name, most }) => (counts.get(name) ?? 0) >= most)) {
      others.push(host);
      continue;
    }
    for (const { name } of host.values) counts.set(name, (counts.get(name) ?? 0) + 1);
    taken.push(host);
  }
  return [taken, others];
}
