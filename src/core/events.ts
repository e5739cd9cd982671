/**
 * The catalogue of every event that the programs write (docs/PROTOCOL.md, section 7; docs/LOGGING.md shows it).
 * Names, fields and levels are defined there and nowhere else.
 *
 * An event goes to a sink. The log is one (system/log); others take the same events.
 */
import { AGENT_EVENTS } from "./events/agent.ts";
import { API_EVENTS } from "./events/api.ts";
import { COMMON_EVENTS } from "./events/common.ts";
import { CONTROLLER_EVENTS } from "./events/controller.ts";
import type { Entries, Entry, EventOf, Level } from "./events/entry.ts";
import { HUB_EVENTS } from "./events/hub.ts";
import type { LogColumn } from "./log-line.ts";

/** By the tag in the log. The API uses the control host's. */
const CATALOGUES = {
  "ctrl-exec": { ...COMMON_EVENTS, ...CONTROLLER_EVENTS, ...API_EVENTS, ...HUB_EVENTS },
  "ctrl-exec-agent": { ...COMMON_EVENTS, ...AGENT_EVENTS },
} as const satisfies Record<string, Entries>;

export type Program = keyof typeof CATALOGUES;

export type EventFrom<Of extends Program> = EventOf<(typeof CATALOGUES)[Of]>;

type EventName<Of extends Program> = EventFrom<Of>["event"];

/** Takes events. Never throws: a sink that fails must not stop the work. */
export type Sink<Event> = (event: Event) => void;

/** The events of all programs. */
export type CommonEvent = EventOf<typeof COMMON_EVENTS>;
/** The events of the control host and the API. */
export type ControlEvent = EventFrom<"ctrl-exec">;
export type AgentEvent = EventFrom<"ctrl-exec-agent">;

export type CommonLog = Sink<CommonEvent>;
export type ControlLog = Sink<ControlEvent>;
export type AgentLog = Sink<AgentEvent>;
export type HubLog = Sink<EventOf<typeof HUB_EVENTS>>;

/** The layout of an event's lines. */
export interface LineLayout {
  readonly level: Level;
  readonly action: string;
  /** In alphabetical order of their names in the line. */
  readonly columns: readonly LogColumn[];
}

/** The layouts of a program's events; each is made once. */
export function lineLayouts<Of extends Program>(program: Of): (name: EventName<Of>) => LineLayout {
  const entries = CATALOGUES[program] as Readonly<Record<EventName<Of>, Entry>>;
  const made = new Map<string, LineLayout>();
  return (name) => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const layout = layoutOf(name, entries[name]);
    made.set(name, layout);
    return layout;
  };
}

/** Fields that any event may have: who called with lent rights, and through which hub. */
export const UNIVERSAL: readonly string[] = ["by", "via"];

export function layoutOf(name: string, { action = name, level, fields, maybe = [] }: Entry) {
  const columns = [...fields, ...maybe, ...UNIVERSAL].map((field) => ({
    field,
    name: nameInLine(field),
  }));
  return { action, level, columns: columns.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** `newSerial` is NEW_SERIAL. */
export function nameInLine(field: string): string {
  return field.replace(/[A-Z]/g, "_$&").toUpperCase();
}
