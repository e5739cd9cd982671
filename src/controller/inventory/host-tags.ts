/** The tags of a host: the control host's own, which win, and those that its agent claims. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { type Tags, tagIn } from "../../core/tags.ts";
import type { HostFacts } from "../fleet/selector.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { KnownHost } from "../store/ports/learned.ts";

export interface HostTags {
  readonly own: Tags;
  /** Without those of the same key as an own one. */
  readonly claimed: Tags;
  /** When they were claimed; undefined if the host has never told. */
  readonly claimedAt: Date | undefined;
  /** It claims more than is kept, and nobody knows what. */
  readonly tooLong: boolean;
}

export function hostTags(record: AgentRecord, known: KnownHost | undefined): HostTags {
  const own = record.tags ?? {};
  const told = known?.tags;
  const claims = told === undefined || told.value === "too long" ? {} : told.value;
  const others = Object.entries(claims).filter(([key]) => tagIn(own, key) === undefined);
  return {
    own,
    claimed: Object.fromEntries(others),
    claimedAt: told?.at,
    tooLong: told?.value === "too long",
  };
}

/** What an expression may mean by the tags of one host. */
export type UsedTags = Pick<HostFacts, "tag" | "tags" | "tagsKnown">;

export const NO_TAGS: UsedTags = { tag: () => undefined, tags: () => [], tagsKnown: false };

/** @param record undefined if it cannot be used: then nothing is known, since an own tag may be in it */
export function usedTags(
  { agent_tags }: Pick<ControllerConfig, "agent_tags">,
  record: AgentRecord | undefined,
  known: KnownHost | undefined,
): UsedTags {
  if (record === undefined) return NO_TAGS;
  const own = record.tags ?? {};
  const told = agent_tags === "ignore" ? {} : known?.tags?.value;
  const claims = told === undefined || told === "too long" ? {} : told;
  return {
    tag: (key) => tagIn(own, key) ?? tagIn(claims, key),
    tags: () => new Map([...Object.entries(claims), ...Object.entries(own)]),
    tagsKnown: claims === told,
  };
}
