/**
 * Parses configuration text into raw settings. It takes two syntaxes: `key = value` lines with `[section]`
 * headers, and TOML for a path that ends in `.toml` (docs/CONFIGURATION.md, "Syntax").
 */
import { CtrlExecError, messageOf } from "../errors.ts";

/** A value as in the file: text in the .conf form; TOML also has numbers, booleans and lists. */
export type RawValue = string | number | boolean | readonly RawValue[];

export interface RawSettings {
  /** Top-level keys. */
  readonly keys: ReadonlyMap<string, RawEntry>;
  readonly sections: ReadonlyMap<string, RawSection>;
}

export interface RawSection {
  readonly keys: ReadonlyMap<string, RawEntry>;
  /** Where the section begins. */
  readonly line: number;
}

export interface RawEntry {
  readonly value: RawValue;
  /** The first line is 1. */
  readonly line: number;
}

/** @param file named in errors; its ending selects the syntax */
export async function readSettings(file: string, text: string): Promise<RawSettings> {
  if (isUtf16(text)) {
    throw new CtrlExecError("config", `Cannot read ${file}: it is in UTF-16; save it in UTF-8`);
  }
  return file.endsWith(".toml") ? await readToml(file, text) : readConf(file, text);
}

/** Read as UTF-8, a UTF-16 byte order mark is not text, and every other byte of plain text is zero. */
export function isUtf16(text: string): boolean {
  return text.startsWith("\ufffd\ufffd") || text.slice(0, 2).includes("\0");
}

/** The lines of a .conf file: the first, and what follows each LF or CRLF. */
export function confLines(text: string): string[] {
  return text.replace(/^\ufeff/, "").split(/\r?\n|\r$/);
}

/**
 * Characters that a line must not contain. Editors show some of them as the end of a line: after `# comment`, a
 * setting would look as if it were in force (T28).
 *
 * @returns undefined, or what is wrong with the line
 */
export function strangeIn(line: string): string | undefined {
  const [found] = /(?!\t)[\p{Cc}\p{Zl}\p{Zp}]/u.exec(line) ?? [];
  if (found === undefined) return undefined;
  const code = found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return `the character U+${code} may not be in a line; lines end in LF or CRLF`;
}

function readConf(file: string, text: string): RawSettings {
  const keys = new Map<string, RawEntry>();
  const sections = new Map<string, RawSection>();
  let current = keys;
  for (const [index, rawLine] of confLines(text).entries()) {
    const number = index + 1;
    const strange = strangeIn(rawLine);
    if (strange !== undefined) throw badLine(file, number, strange);
    const line = rawLine.trim();
    if (line === "" || line.startsWith("#")) continue;
    const header = /^\[([A-Za-z0-9_-]+)\]$/.exec(line);
    if (header?.[1] !== undefined) {
      if (sections.has(header[1]))
        throw badLine(file, number, `section [${header[1]}] appears twice`);
      current = new Map();
      sections.set(header[1], { keys: current, line: number });
      continue;
    }
    const equals = line.indexOf("=");
    if (equals < 1) {
      throw badLine(file, number, `expected "key = value", "[section]" or "# comment"`);
    }
    const key = line.slice(0, equals).trim();
    const earlier = current.get(key);
    if (earlier !== undefined) {
      throw badLine(file, number, `${key} is already set on line ${earlier.line}`);
    }
    current.set(key, { value: line.slice(equals + 1).trim(), line: number });
  }
  return { keys, sections };
}

export function badLine(
  file: string,
  line: unknown,
  problem: string,
  cause?: unknown,
): CtrlExecError {
  return new CtrlExecError("config", `Cannot read ${file}: line ${line}: ${problem}`, { cause });
}

/** The tables of a TOML file. @throws CtrlExecError `config` that names file and line */
export async function parseToml(file: string, text: string): Promise<Record<string, unknown>> {
  const { parse } = await import("smol-toml");
  try {
    return parse(text);
  } catch (thrown) {
    // After its first line, smol-toml's message has an excerpt of the file.
    const [reason = ""] = messageOf(thrown).split("\n");
    const line =
      typeof thrown === "object" && thrown !== null && "line" in thrown ? thrown.line : "?";
    throw badLine(file, line, reason, thrown);
  }
}

async function readToml(file: string, text: string): Promise<RawSettings> {
  const table = await parseToml(file, text);
  const keys = new Map<string, RawEntry>();
  const sections = new Map<string, RawSection>();
  const lines = linesOfKeys(text);
  for (const [key, value] of Object.entries(table)) {
    const line = lines.get(key) ?? 1;
    if (isTable(value)) sections.set(key, { keys: tomlSection(file, lines, key, value), line });
    else keys.set(key, { value: tomlValue(file, line, key, value), line });
  }
  return { keys, sections };
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

function tomlSection(
  file: string,
  lines: ReadonlyMap<string, number>,
  name: string,
  table: Record<string, unknown>,
): Map<string, RawEntry> {
  const section = new Map<string, RawEntry>();
  for (const [key, value] of Object.entries(table)) {
    const line = lines.get(key) ?? 1;
    section.set(key, { value: tomlValue(file, line, `${name}.${key}`, value), line });
  }
  return section;
}

function tomlValue(file: string, line: number, key: string, value: unknown): RawValue {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (Array.isArray(value)) return value.map((item) => tomlValue(file, line, key, item));
  throw badLine(file, line, `${key}: expected text, a number, a boolean or a list`);
}

/**
 * The parser keeps no positions, so this finds the first line that sets a key or opens its table. It finds none
 * for a key in an inline table.
 */
function linesOfKeys(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (const [index, line] of text.split("\n").entries()) {
    for (const name of namesIn(line.trim())) {
      if (!lines.has(name)) lines.set(name, index + 1);
    }
  }
  return lines;
}

/** The first and the last part of the path that a line sets or opens. */
function namesIn(line: string): readonly string[] {
  const isHeader = line.startsWith("[");
  const end = line.indexOf(isHeader ? "]" : "=");
  const path = line.slice(0, end).replace(/^\[+/, "");
  if (end < 0 || path.includes("#")) return [];
  const parts = path.split(".").map((part) => part.trim().replace(/^["']|["']$/g, ""));
  return [parts[0] ?? "", parts.at(-1) ?? ""];
}
