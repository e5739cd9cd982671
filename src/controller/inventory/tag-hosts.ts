/** Shows the tags of hosts, and changes the control host's own. */
import { CtrlExecError } from "../../core/errors.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { changedTags, MAX_OWN_TAGS, type TagChanges, tagText } from "../../core/tags.ts";
import { nearestMatch } from "../../core/text.ts";
import type { Caller } from "../access/authorize.ts";
import { registeredHosts } from "../access/registered-hosts.ts";
import type { RunReader } from "../control-host.ts";
import { type HostTags, hostTags } from "../fleet/host-tags.ts";
import type { AgentRecord } from "../store/agent-record.ts";

export interface TaggedHost {
  readonly hostname: string;
  readonly tags: HostTags;
  /** Whether this call has changed its own tags. */
  readonly changed: boolean;
}

/**
 * Changes all of the hosts, or none.
 *
 * @param hosts an expression
 * @param changes none, only to look
 * @returns each host with its tags as they are then, in the order of the expression
 * @throws CtrlExecError `bad-request` if no host matches or a name is not registered, if none of the hosts has a tag
 * that is to be removed, and for too many on one; `denied` or `not-found` for a run that is named; `config` for a
 * record that cannot be used
 */
export async function tagHosts(
  controller: RunReader,
  caller: Caller,
  hosts: string,
  changes: TagChanges,
): Promise<readonly TaggedHost[]> {
  const { log, store } = controller;
  const choice = { hosts: [hosts], port: undefined };
  const names = (await registeredHosts(controller, caller, choice)) ?? [];
  const records = await usableRecords(controller, [...names]);
  requireRemovable(records, changes);
  const changed = new Map<string, AgentRecord>();
  if (Object.keys(changes.set).length + changes.remove.length > 0) {
    await store.registry.change((record) => {
      const tags = changedTags(record.tags ?? {}, changes);
      if (tags === undefined) return undefined;
      if (Object.keys(tags).length > MAX_OWN_TAGS) throw tooMany(record.hostname);
      const tagged = { ...record, tags: Object.keys(tags).length === 0 ? undefined : tags };
      changed.set(lowerAscii(record.hostname), tagged);
      return tagged;
    }, names);
  }
  const words = {
    tags: listed(Object.entries(changes.set).map(([key, value]) => `${key}=${tagText(value)}`)),
    removed: listed(changes.remove),
  };
  for (const { hostname } of records) {
    if (changed.has(lowerAscii(hostname))) log({ event: "tag", agent: hostname, ...words });
  }
  const known = await store.learned.known();
  return records.map((before) => {
    const host = lowerAscii(before.hostname);
    const record = changed.get(host) ?? before;
    const { hostname } = record;
    return { hostname, tags: hostTags(record, known.get(host)), changed: changed.has(host) };
  });
}

function listed(words: readonly string[]): readonly string[] | undefined {
  return words.length === 0 ? undefined : words;
}

async function usableRecords(
  { store }: RunReader,
  names: readonly string[],
): Promise<readonly AgentRecord[]> {
  const found = await store.registry.findAll(names);
  return names.flatMap((name) => {
    const registered = found.get(name);
    if (registered?.kind === "broken") throw registered.broken.problem;
    return registered?.record ?? [];
  });
}

/** A key that none of the hosts has is a slip. */
function requireRemovable(records: readonly AgentRecord[], { remove }: TagChanges): void {
  const own = new Set(records.flatMap(({ tags = {} }) => Object.keys(tags)));
  const missing = remove.find((key) => !own.has(key));
  if (missing === undefined) return;
  const [first] = records;
  const who = records.length === 1 ? first?.hostname : `none of ${records.length} hosts`;
  const near = nearestMatch(missing, [...own]);
  throw new CtrlExecError(
    "bad-request",
    `Cannot remove ${missing}: ${who} has ${records.length === 1 ? "no" : "a"} tag of that name from this control host`,
    {
      hint:
        near === undefined
          ? "What an agent claims cannot be removed here; a tag of this host's own wins over it."
          : `Did you mean ${near}-?`,
    },
  );
}

function tooMany(hostname: string): CtrlExecError {
  return new CtrlExecError(
    "bad-request",
    `Cannot tag ${hostname}: it would have more than ${MAX_OWN_TAGS} tags of this control host`,
    { hint: "Nothing was changed. Remove some: ctrl-exec tag <host> key-" },
  );
}
