/** The tables of docs/LOGGING.md, from the catalogue of events. */

import { AGENT_EVENTS } from "../../src/core/events/agent.ts";
import { API_EVENTS } from "../../src/core/events/api.ts";
import { COMMON_EVENTS } from "../../src/core/events/common.ts";
import { CONTROLLER_EVENTS } from "../../src/core/events/controller.ts";
import type { Entries } from "../../src/core/events/entry.ts";
import { FIELDS } from "../../src/core/events/fields.ts";
import { HUB_EVENTS } from "../../src/core/events/hub.ts";
import { type LineLayout, layoutOf, nameInLine, UNIVERSAL } from "../../src/core/events.ts";

/** By the name of the section that they fill. */
export function eventTables(): [name: string, table: string][] {
  return [
    ["all programs", eventTable(COMMON_EVENTS)],
    ["control host", eventTable(CONTROLLER_EVENTS)],
    ["API", eventTable(API_EVENTS)],
    ["hub", eventTable(HUB_EVENTS)],
    ["agent", eventTable(AGENT_EVENTS)],
    ["fields", fieldTable()],
  ];
}

function eventTable(entries: Entries): string {
  const lines = ["| ACTION | level | fields | when |", "|---|---|---|---|"];
  for (const [name, entry] of Object.entries(entries)) {
    const layout = layoutOf(name, entry);
    const maybe = new Set<string>(entry.maybe);
    const fields = shownFields(layout, maybe);
    lines.push(`| \`${layout.action}\` | ${layout.level} | ${fields} | ${entry.when} |`);
  }
  return `${lines.join("\n")}\n`;
}

/** BY and VIA, which every line may have, are not repeated. */
function shownFields({ columns }: LineLayout, maybe: ReadonlySet<string>): string {
  const shown = columns.filter(({ field }) => !UNIVERSAL.includes(field));
  if (shown.length === 0) return "none";
  return shown.map(({ field, name }) => (maybe.has(field) ? `[${name}]` : name)).join(" ");
}

function fieldTable(): string {
  const lines = ["| field | is | meaning |", "|---|---|---|"];
  for (const [field, { kind, meaning }] of Object.entries(FIELDS)) {
    lines.push(`| ${nameInLine(field)} | ${kind} | ${meaning} |`);
  }
  return `${lines.join("\n")}\n`;
}
