/** Converts raw settings to a typed configuration, with the schema of the file. */
import type * as z from "zod/mini";
import { CtrlExecError } from "../errors.ts";
import { nearestMatch } from "../text.ts";
import { type RawEntry, type RawSettings, type RawValue, readSettings } from "./conf-syntax.ts";

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
  const known = collectKnown(settings, schema, warnings);
  warnAboutSections(file, settings, schema, warnings);
  const values: Record<string, unknown> = {};
  for (const [key, entry] of known) values[key] = entry.value;
  for (const name of schema.openSections) {
    const section = settings.sections.get(name);
    if (section === undefined) continue;
    values[name] = textRecord(section.keys);
    for (const [key, { line }] of section.keys) {
      if (!keyNames(schema).includes(key)) continue;
      // After a section header it is not a setting: unnoticed, that would leave allowed_ips open.
      warnings.push({ key, message: `line ${line} is in [${name}] and sets nothing` });
    }
  }
  const parsed = schema.shape.safeParse(values);
  if (parsed.success) return { config: parsed.data, warnings };
  throw configError(file, parsed.error.issues, known);
}

/** Top-level keys that the schema knows, under their current names; the others become warnings. */
function collectKnown(
  settings: RawSettings,
  schema: ConfigSchema<z.ZodMiniObject>,
  warnings: ConfigWarning[],
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
      warnings.push({ key: typed, message: unknownMessage("key", typed, names, entry.line) });
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

/** A section in place of a setting is an error: ignored, it would leave `allowed_ips` open. */
function warnAboutSections(
  file: string,
  settings: RawSettings,
  schema: ConfigSchema<z.ZodMiniObject>,
  warnings: ConfigWarning[],
): void {
  for (const [name, { line }] of settings.sections) {
    if (schema.openSections.includes(name)) continue;
    if (keyNames(schema).includes(name)) {
      throw new CtrlExecError(
        "config",
        `Cannot use ${file}: line ${line}: ${name}: expected a value, not a section`,
      );
    }
    warnings.push({
      key: `[${name}]`,
      message: unknownMessage("section", name, schema.openSections, line),
    });
  }
}

function unknownMessage(
  kind: string,
  typed: string,
  names: readonly string[],
  line: number,
): string {
  const guess = nearestMatch(typed, names);
  return `unknown ${kind} on line ${line}, ignored${guess === undefined ? "" : `; did you mean ${guess}?`}`;
}

/** Any key at all, `__proto__` included: fromEntries makes each a property like any other. */
function textRecord(section: ReadonlyMap<string, RawEntry>): Record<string, string> {
  return Object.fromEntries([...section].map(([key, { value }]) => [key, String(value)]));
}

function configError(
  file: string,
  issues: readonly z.core.$ZodIssue[],
  known: ReadonlyMap<string, RawEntry & { readonly typed: string }>,
): CtrlExecError {
  const problems = issues.map((issue) => {
    const key = String(issue.path[0] ?? "");
    const entry = known.get(key);
    if (entry === undefined) return `${key}: ${issue.message}`;
    return `line ${entry.line}: ${entry.typed} = ${shown(entry.value)}: ${issue.message}`;
  });
  return new CtrlExecError("config", `Cannot use ${file}: ${problems.join("; ")}`);
}

function shown(value: RawValue): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
