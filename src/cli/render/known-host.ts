/** What a host has reported, as list-agents shows it. */
import { hostTags } from "../../controller/fleet/host-tags.ts";
import type { AgentRecord } from "../../controller/store/agent-record.ts";
import type { KnownHost } from "../../controller/store/ports/learned.ts";
import { isoSeconds } from "../../core/time.ts";
import { type TagsJson, tagsInOneLine, tagsJson } from "./tags.ts";

export interface KnownJson extends TagsJson {
  /** The last version that it reported; empty if it never has. */
  readonly version: string;
  /** When, ISO 8601; empty if never. */
  readonly version_learned: string;
  /** When it last reported anything about itself, ISO 8601; empty if it never has. */
  readonly learned: string;
}

export function knownJson(record: AgentRecord, known: KnownHost | undefined): KnownJson {
  return {
    version: known?.version?.value ?? "",
    version_learned: timeOf(known?.version?.at),
    learned: timeOf(known?.contact),
    ...tagsJson(hostTags(record, known)),
  };
}

export const KNOWN_HEADER = ["VERSION", "LAST REPORT", "TAGS"];

export function knownCells(
  record: AgentRecord,
  known: KnownHost | undefined,
  now: Date,
): readonly string[] {
  const tags = tagsInOneLine(hostTags(record, known), now);
  return [known?.version?.value ?? "", timeOf(known?.contact), tags];
}

function timeOf(time: Date | undefined): string {
  return time === undefined ? "" : isoSeconds(time);
}
