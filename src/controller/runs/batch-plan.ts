/** Which hosts of a rollout are asked together, and in which order the batches come. Pure. */
import { batchSize, type RolloutSetting } from "../../core/rollout.ts";

/** A host's value of a tag; undefined if it has none. */
export type TagValue<Host> = (host: Host, key: string) => string | undefined;

/**
 * Every host is in exactly one batch, as early as the sizes and limits allow, in the order given. Hosts without a
 * value count together as one value: they may be anywhere.
 *
 * @param total the hosts of which a percentage is taken
 */
export function planBatches<Host>(
  hosts: readonly Host[],
  { batch, per_tag }: Pick<RolloutSetting, "batch" | "per_tag">,
  total: number,
  tagValue: TagValue<Host>,
): readonly (readonly Host[])[] {
  const waiting = queuesOf(hosts, Object.entries(per_tag), tagValue);
  const batches: Host[][] = [];
  while (waiting.length > 0) {
    const size = batch[Math.min(batches.length, batch.length - 1)] ?? { percent: 100 };
    batches.push(takeBatch(waiting, batchSize(size, total)));
  }
  return batches;
}

/**
 * Hosts with the same values of all limited tags, in order. When one of them has to wait for the next batch, all of
 * them have to: of thousands of hosts in one rack, a batch looks only at the first.
 */
interface Queue<Host> {
  readonly values: readonly TagBound[];
  readonly hosts: { readonly host: Host; readonly position: number }[];
  /** How many of the hosts are in batches. */
  taken: number;
}

/** A value of a tag, and how many of its hosts may be in one batch. */
interface TagBound {
  readonly name: string;
  readonly most: number;
}

/** By the positions of their first hosts. */
function queuesOf<Host>(
  hosts: readonly Host[],
  bounds: readonly (readonly [key: string, most: number])[],
  tagValue: TagValue<Host>,
): Queue<Host>[] {
  const queues = new Map<string, Queue<Host>>();
  for (const [position, host] of hosts.entries()) {
    const values = bounds.map(([key, most]) => {
      return { name: JSON.stringify([key, tagValue(host, key) ?? null]), most };
    });
    const key = values.map(({ name }) => name).join();
    const queue = queues.get(key) ?? { values, hosts: [], taken: 0 };
    queue.hosts.push({ host, position });
    queues.set(key, queue);
  }
  return [...queues.values()];
}

/**
 * At least one host is taken, because every limit admits the first.
 *
 * @param waiting by the positions of their next hosts; those that are left stay in it
 */
function takeBatch<Host>(waiting: Queue<Host>[], size: number): Host[] {
  const counts = new Map<string, number>();
  const taken: Host[] = [];
  for (let at = 0; taken.length < size; ) {
    const queue = waiting[at];
    const next = queue?.hosts[queue.taken];
    if (queue === undefined || next === undefined) break;
    if (queue.values.some(({ name, most }) => (counts.get(name) ?? 0) >= most)) {
      at += 1;
      continue;
    }
    for (const { name } of queue.values) counts.set(name, (counts.get(name) ?? 0) + 1);
    taken.push(next.host);
    queue.taken += 1;
    waiting.splice(at, 1);
    insert(waiting, at, queue);
  }
  return taken;
}

/**
 * Unless all of its hosts are in batches.
 *
 * @param from its next host comes after those of the queues before it
 */
function insert<Host>(waiting: Queue<Host>[], from: number, queue: Queue<Host>): void {
  const position = nextPosition(queue);
  if (position === undefined) return;
  let [low, high] = [from, waiting.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = waiting[middle];
    if (other !== undefined && (nextPosition(other) ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  waiting.splice(low, 0, queue);
}

function nextPosition<Host>({ hosts, taken }: Queue<Host>): number | undefined {
  return hosts[taken]?.position;
}
