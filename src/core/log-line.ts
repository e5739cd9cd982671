/**
 * Formats an event as one line: `ACTION=<name>` first, then the other fields in the order of events.ts.
 *
 * Format: docs/PROTOCOL.md, section 7. A value cannot forge a line or a field (T26): with white space it is put
 * in double quotes, and quotes, backslashes and control characters are escaped.
 */
/** A list is joined by commas. */
export type LogValue = string | number | readonly string[];

/** A field of the event, and its name in the line. */
export interface LogColumn {
  readonly field: string;
  readonly name: string;
}

/** Longest value in characters, including escapes; the rest is cut and counted. */
const MAX_VALUE = 4096;
/** Longest line in characters; a field that would exceed it is left out whole, and counted. */
const MAX_LINE = 16_384;

/** @param columns in the order of the line; those without a value are left out */
export function formatLogLine(
  action: string,
  columns: readonly LogColumn[] = [],
  values: Readonly<Record<string, LogValue | undefined>> = {},
): string {
  let line = `ACTION=${formatValue(action)}`;
  let omitted = 0;
  for (const { field, name } of columns) {
    const value = values[field];
    if (value === undefined) continue;
    const column = ` ${name}=${formatValue(String(value))}`;
    if (line.length + column.length > MAX_LINE) omitted += 1;
    else line += column;
  }
  return omitted === 0 ? line : `${line} OMITTED=${omitted}`;
}

function formatValue(value: string): string {
  const kept = escapeUpTo(value, MAX_VALUE);
  const text = kept.escaped + (kept.rest === 0 ? "" : `...(+${kept.rest})`);
  return text === "" || /[\s"=\\]/u.test(text) ? `"${text}"` : text;
}

/** Escapes from the start, up to `limit` characters; never cuts inside an escape. */
function escapeUpTo(value: string, limit: number): { escaped: string; rest: number } {
  const whole = value.length <= limit ? escapeValue(value) : undefined;
  if (whole !== undefined && whole.length <= limit) return { escaped: whole, rest: 0 };
  let escaped = "";
  for (let index = 0; index < value.length; index++) {
    const next = escapeValue(value.charAt(index));
    if (escaped.length + next.length > limit) return { escaped, rest: value.length - index };
    escaped += next;
  }
  return { escaped, rest: 0 };
}

function escapeValue(value: string): string {
  // C0, DEL, C1, line and paragraph separators, bidirectional controls: all can change how a line
  // of the log is split or read.
  return value.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
    /[\u0000-\u001f"\\\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/g,
    (char) => {
      if (char === "\n") return "\\n";
      if (char === '"' || char === "\\") return `\\${char}`;
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
    },
  );
}
