/** Converts raw settings to a typed configuration, with the schema of the file. */
import type * as z from "zod/mini";
import { CtrlExecError } from "../errors.ts";
import {
  type RawEntry,
  type RawSection,
  type RawSettings,
  type RawValue,
  readSettings,
} from "./conf-syntax.ts";
import { decidingSlipOf, slipOf } from "./slips.ts";

/** Something in the file that does not stop the program but deserves a `config-warn` line. */
export interface ConfigWarning {
  readonly key: string;
  readonly message: string;
}

export interface LoadedConfig<Config> {
  readonly config: Config;
  readonly warnings: readonly ConfigWarning[];
}

export interface ConfigSchema<Shape extends z.ZodMiniObject> {
  readonly shape: Shape;
  /** Sections with any keys, such as [tags]; each is one key of the schema, a record. */
  readonly openSections: readonly string[];
  /** Keys that 0.8 knew under another name; the old name still works. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Keys that no longer have a meaning, with what replaced them. */
  readonly removed: Readonly<Record<string, string>>;
}

/**
 * @param text the file's content
 * @throws CtrlExecError `config` that names file, line, key and what was expected
 */
export async function parseConfig<Shape extends z.ZodMiniObject>(
  file: string,
  text: string,
  schema: ConfigSchema<Shape>,
): Promise<LoadedConfig<z.output<Shape>>> {
  const settings = await readSettings(file, text);
  const warnings: ConfigWarning[] = [];
  const problems: string[] = [];
  const known = collectKnown(settings, schema, warnings, problems);
  judgeSections(settings, schema, warnings, problems);
  const values: Record<string, unknown> = {};
  for (const [key, entry] of known) values[key] = entry.value;
  for (const name of schema.openSections) {
    const section = settings.sections.get(name);
    if (section === undefined) continue;
    values[name] = textRecord(section.keys);
    for (const [key, { line }] of section.keys) {
      // After a section header it is not a setting: unnoticed, that would leave allowed_ips open.
      const names = keyNames(schema);
      if (!names.includes(key) && decidingSlipOf(key, names) === undefined) continue;
      warnings.push({ key, message: `line ${line} is in [${name}] and sets nothing` });
    }
  }
  const parsed = schema.shape.safeParse(values);
  if (parsed.success && problems.length === 0) return { config: parsed.data, warnings };
  problems.push(...valueProblems(parsed.error?.issues ?? [], known));
  throw new CtrlExecError("config", `Cannot use ${file}: ${problems.join("; ")}`);
}

/**
 * Top-level keys that the schema knows, under their current names. A slip is a problem; the others, which files
 * of other versions may have, become warnings.
 */
function collectKnown(
  settings: RawSettings,
  schema: ConfigSchema<z.ZodMiniObject>,
  warnings: ConfigWarning[],
  problems: string[],
): Map<string, RawEntry & { readonly typed: string }> {
  const known = new Map<string, RawEntry & { readonly typed: string }>();
  const names = keyNames(schema);
  const aliases = new Map(Object.entries(schema.aliases));
  const removed = new Map(Object.entries(schema.removed));
  for (const [typed, entry] of settings.keys) {
    const key = aliases.get(typed) ?? typed;
    const gone = removed.get(typed);
    if (gone !== undefined) {
      warnings.push({ key: typed, message: `removed: ${gone} (line ${entry.line})` });
    } else if (!names.includes(key)) {
      const meant = slipOf(typed, settable(schema));
      if (meant !== undefined) problems.push(slipMessage("key", typed, meant, entry.line));
      else warnings.push({ key: typed, message: unknownMessage("key", entry.line) });
    } else if (key === typed || !settings.keys.has(key)) {
      // The current name wins over its deprecated alias.
      known.set(key, { ...entry, typed });
    }
  }
  return known;
}

function keyNames(schema: ConfigSchema<z.ZodMiniObject>): string[] {
  return Object.keys(schema.shape.shape).filter((name) => !schema.openSections.includes(name));
}

/** Every name that sets something, today's and earlier ones. */
function settable(schema: ConfigSchema<z.ZodMiniObject>): string[] {
  return [...keyNames(schema), ...Object.keys(schema.aliases)];
}

/**
 * A section in place of a setting, or a setting in an unknown section, is a problem: if it were ignored,
 * `allowed_ips` would stay open.
 */
function judgeSections(
  settings: RawSettings,
  schema: ConfigSchema<z.ZodMiniObject>,
  warnings: ConfigWarning[],
  problems: string[],
): void {
  for (const [name, section] of settings.sections) {
    if (schema.openSections.includes(name)) continue;
    const { line } = section;
    const meant = slipOf(name, schema.openSections);
    if (keyNames(schema).includes(name)) {
      problems.push(`line ${line}: ${name}: expected a value, not a section`);
    } else if (meant !== undefined) {
      problems.push(slipMessage("section", `[${name}]`, `[${meant}]`, line));
    } else {
      problems.push(...settingsIn(name, section, schema));
      warnings.push({ key: `[${name}]`, message: unknownMessage("section", line) });
    }
  }
}

function settingsIn(
  name: string,
  section: RawSection,
  schema: ConfigSchema<z.ZodMiniObject>,
): string[] {
  const names = settable(schema);
  return [...section.keys]
    .filter(([key]) => names.includes(key) || slipOf(key, names) !== undefined)
    .map(([key, { line }]) => {
      return `line ${line}: ${key} is in [${name}] and would set nothing; put it before the first section`;
    });
}

function slipMessage(kind: string, typed: string, meant: string, line: number): string {
  return `line ${line}: unknown ${kind} ${shown(typed)}; did you mean ${meant}?`;
}

function unknownMessage(kind: string, line: number): string {
  return `unknown ${kind} on line ${line}, ignored`;
}

/** Any key at all, including `__proto__`: fromEntries makes each a property like any other. */
function textRecord(section: ReadonlyMap<string, RawEntry>): Record<string, string> {
  return Object.fromEntries([...section].map(([key, { value }]) => [key, String(value)]));
}

function valueProblems(
  issues: readonly z.core.$ZodIssue[],
  known: ReadonlyMap<string, RawEntry & { readonly typed: string }>,
): string[] {
  return issues.map((issue) => {
    const key = String(issue.path[0] ?? "");
    const entry = known.get(key);
    if (entry === undefined) return `${key}: ${issue.message}`;
    return `line ${entry.line}: ${entry.typed} = ${shown(entry.value)}: ${issue.message}`;
  });
}

function shown(value: RawValue): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
