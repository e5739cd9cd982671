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
  return file.endsWith(".toml") ? await readToml(file, text) : readConf(file, text);
}

function readConf(file: string, text: string): RawSettings {
  const keys = new Map<string, RawEntry>();
  const sections = new Map<string, RawSection>();
  let current = keys;
  for (const [index, rawLine] of text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .entries()) {
    const line = rawLine.trim();
    const number = index + 1;
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

function badLine(file: string, line: unknown, problem: string, cause?: unknown): CtrlExecError {
  return new CtrlExecError("config", `Cannot read ${file}: line ${line}: ${problem}`, { cause });
}

async function readToml(file: string, text: string): Promise<RawSettings> {
  const { parse } = await import("smol-toml");
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (thrown) {
    // After its first line, smol-toml's message has an excerpt of the file.
    const [reason = ""] = messageOf(thrown).split("\n");
    const line =
      typeof thrown === "object" && thrown !== null && "line" in thrown ? thrown.line : "?";
    throw badLine(file, line, reason, thrown);
  }
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

function isTable(value: unknown): value is Record<string, unknown> {
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
  if (end < 0 || (!isHeader && path.includes("#"))) return [];
  const parts = path.split(".").map((part) => part.trim().replace(/^["']|["']$/g, ""));
  return [parts[0] ?? "", parts.at(-1) ?? ""];
}
