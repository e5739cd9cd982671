/**
 * One event, one line: `ACTION=<name>` first, then the other fields in alphabetical order.
 *
 * Format: PROTOCOL section 7. A value never forges a line or a field (T26): white space puts it in
 * double quotes, and quotes, backslashes and control characters are escaped.
 */
export type LogLevel = "info" | "warning" | "err";

export type LogValue = string | number;

/** Field names are upper case; an undefined field is left out. */
export type LogFields = Readonly<Record<string, LogValue | undefined>>;

/** Where events go. Never throws: an unreachable log must not stop the work. */
export type Log = (level: LogLevel, action: string, fields?: LogFields) => void;

/** Longest value in characters; the rest is cut and counted. */
const MAX_VALUE = 4096;
const MAX_LINE = 16_384;

export function formatLogLine(action: string, fields: LogFields = {}): string {
  const parts = [`ACTION=${formatValue(action)}`];
  for (const name of Object.keys(fields).sort()) {
    const value = fields[name];
    if (value !== undefined) parts.push(`${name}=${formatValue(String(value))}`);
  }
  const line = parts.join(" ");
  return line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}...` : line;
}

function formatValue(value: string): string {
  const cut = value.length > MAX_VALUE ? value.slice(0, MAX_VALUE) : value;
  const escaped = escapeValue(cut) + (cut === value ? "" : `...(+${value.length - MAX_VALUE})`);
  return escaped === "" || /[\s"=\\]/u.test(escaped) ? `"${escaped}"` : escaped;
}

function escapeValue(value: string): string {
  // C0, DEL, C1, line and paragraph separators, bidirectional overrides: all can change how a line
  // of the log is split or read.
  return value.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
    /[\u0000-\u001f"\\\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/g,
    (char) => {
      if (char === "\n") return "\\n";
      if (char === '"' || char === "\\") return `\\${char}`;
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
    },
  );
}
