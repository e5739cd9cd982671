/** A sink of events that a test can read, in the words of the log's lines. */

import type { Level } from "../../src/core/events/entry.ts";
import { type EventFrom, lineLayouts, type Program, type Sink } from "../../src/core/events.ts";
import type { LogValue } from "../../src/core/log-line.ts";

export type LineFields = Readonly<Record<string, string | number>>;

export interface LogEvent {
  readonly level: Level;
  readonly action: string;
  readonly fields: LineFields;
}

export class EventLog<Of extends Program> {
  readonly events: LogEvent[] = [];
  readonly log: Sink<EventFrom<Of>>;

  constructor(program: Of) {
    const layoutOf = lineLayouts(program);
    this.log = (event) => {
      const { level, action, columns } = layoutOf(event.event);
      const values: Readonly<Record<string, LogValue | undefined>> = event;
      const fields = columns.flatMap(({ field, name }) => {
        const value = values[field];
        if (value === undefined) return [];
        return [[name, typeof value === "number" ? value : String(value)] as const];
      });
      this.events.push({ level, action, fields: Object.fromEntries(fields) });
    };
  }

  of(action: string): LogEvent[] {
    return this.events.filter((event) => event.action === action);
  }
}
