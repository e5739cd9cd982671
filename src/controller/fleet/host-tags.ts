/** The tags of a host: the control host's own, which win, and those that its agent claims. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { type HostExpression, type HostTerm, termsOf } from "../../core/hosts/expression.ts";
import { type Tags, tagIn } from "../../core/tags.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { KnownHost } from "../store/ports/learned.ts";
import type { HostFacts } from "./host-facts.ts";

export interface HostTags {
  readonly own: Tags;
  /** Without those that have the same key as an own tag. */
  readonly claimed: Tags;
  /** When they were claimed; undefined if the host has never reported any. */
  readonly claimedAt: Date | undefined;
  /** It claims more than is kept, so its claims are not known. */
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

/**
 * Why an expression cannot be answered if claims are ignored: a version is a claim, and a host whose version is not
 * known would silently stay in `@all!@version<1.1`. Undefined if it can be answered.
 */
export function ignoredClaim(
  { agent_tags }: Pick<ControllerConfig, "agent_tags">,
  expression: HostExpression,
): CtrlExecError | undefined {
  const asks = agent_tags === "ignore" && [...termsOf(expression)].some(isVersion);
  if (!asks) return undefined;
  return new CtrlExecError(
    "bad-request",
    "Cannot use @version: an agent claims its version, and agent_tags = ignore",
    {
      hint: "Name those hosts, or give them a tag of this control host's own: ctrl-exec tag.",
      remoteHint: "Name those hosts, or use a tag of the control host's own.",
    },
  );
}

const isVersion = ({ kind }: HostTerm) => kind === "version";

/** The tags of one host that an expression may refer to. */
export type UsedTags = Pick<HostFacts, "tag" | "tags" | "tagsKnown">;

export const NO_TAGS: UsedTags = { tag: () => undefined, tags: () => [], tagsKnown: false };

/** @param record undefined if it cannot be used: then nothing is known, because it may contain an own tag */
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
