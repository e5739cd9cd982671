/** The allowlist: the names that a controller may run, the file of each, and its options. */
import {
  confLines,
  isUtf16,
  type RawValue,
  readSettings,
  strangeIn,
} from "../../core/config/conf-syntax.ts";
import type { ConfigWarning } from "../../core/config/config-file.ts";
import { isScriptName, SCRIPT_NAME_RULE } from "../../core/script-name.ts";
import { nearestMatch } from "../../core/text.ts";
import { isScriptOption, SCRIPT_OPTIONS, type ScriptOptions } from "./script-options.ts";

export const DEFAULT_ALLOWLIST_NAME = "scripts.conf";

export interface AllowedScript {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly options: ScriptOptions;
}

export interface Allowlist {
  readonly scripts: ReadonlyMap<string, AllowedScript>;
  readonly warnings: readonly ConfigWarning[];
}

/**
 * A bad entry is skipped with a warning: one slip must not disable the other scripts (docs/CONFIGURATION.md,
 * "scripts.conf").
 *
 * @param file its ending chooses the syntax: `.toml`, or the lines of scripts.conf
 * @throws CtrlExecError `config` when it is not TOML though it ends in `.toml`
 */
export async function parseAllowlist(file: string, text: string): Promise<Allowlist> {
  const scripts = new Map<string, AllowedScript>();
  const warnings: ConfigWarning[] = [];
  const entries = file.endsWith(".toml") ? await tomlEntries(file, text) : confEntries(text);
  for (const { line, shown, read } of entries) {
    const script = read();
    const problem = typeof script === "string" ? script : alreadyListed(scripts, script.name);
    if (problem !== undefined) {
      warnings.push({ key: shown.slice(0, 60), message: `line ${line} skipped: ${problem}` });
    } else if (typeof script !== "string") scripts.set(script.name, script);
  }
  return { scripts, warnings };
}

function alreadyListed(scripts: ReadonlyMap<string, unknown>, name: string): string | undefined {
  return scripts.has(name) ? `${name} is already listed above` : undefined;
}

interface Entry {
  readonly line: number;
  readonly shown: string;
  /** The script, or what is wrong with it. */
  read(): AllowedScript | string;
}

function confEntries(text: string): Entry[] {
  if (isUtf16(text))
    return [{ line: 1, shown: "", read: () => "it is in UTF-16; save it in UTF-8" }];
  return confLines(text)
    .map((raw, index) => ({ shown: raw.trim(), strange: strangeIn(raw), line: index + 1 }))
    .filter(({ shown, strange }) => strange !== undefined || !/^(?:#|$)/.test(shown))
    .map(({ shown, strange, line }) => ({ shown, line, read: () => strange ?? readLine(shown) }));
}

/** `name = /absolute/path option=value ...` */
function readLine(line: string): AllowedScript | string {
  const equals = line.indexOf("=");
  if (equals < 0) return `expected "name = /absolute/path"`;
  const name = line.slice(0, equals).trim();
  let path = line.slice(equals + 1).trim();
  // From the end, and only known options: a path of 0.8 may have blanks and equals signs.
  const given: [string, string][] = [];
  for (;;) {
    const word = lastWord(path);
    const [key = "", value] = splitOnce(word, "=");
    if (value === undefined || !isScriptOption(key)) break;
    given.unshift([key, value]);
    path = path.slice(0, -word.length).trimEnd();
  }
  return allowedScript(name, path, given);
}

/**
 * A message about the path's last word, if it looks like an option but is not one. By the rule above it is part
 * of the path, but most likely a slip. Callers that see that there is no such file show it.
 *
 * @returns what to say of it
 */
export function suspectedOption(path: string): string | undefined {
  const [, key] = /^([A-Za-z][\w-]*)=/.exec(lastWord(path)) ?? [];
  if (key === undefined) return undefined;
  const known = Object.keys(SCRIPT_OPTIONS);
  const guess = nearestMatch(key.toLowerCase(), known);
  const next =
    guess === undefined ? `expected one of ${known.join(", ")}` : `did you mean ${guess}=?`;
  return `there is no file ${path}, and ${key} is not an option; ${next}`;
}

/** The text after the last blank. */
function lastWord(text: string): string {
  let start = text.length;
  while (start > 0 && !/\s/.test(text[start - 1] ?? "")) start -= 1;
  return text.slice(start);
}

function splitOnce(text: string, mark: string): readonly [string, string?] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + mark.length)];
}

async function tomlEntries(file: string, text: string): Promise<Entry[]> {
  const { keys, sections } = await readSettings(file, text);
  const plain = [...keys].map(([name, { value, line }]) => ({
    line,
    shown: name,
    read: () => allowedScript(name, value, []),
  }));
  const tables = [...sections].map(([name, { keys: table, line }]) => {
    const values = [...table].map(([key, { value }]): [string, RawValue] => [key, value]);
    const path = table.get("path")?.value ?? "";
    const options = values.filter(([key]) => key !== "path");
    return { line, shown: `[${name}]`, read: () => allowedScript(name, path, options) };
  });
  return [...plain, ...tables];
}

function allowedScript(
  name: string,
  path: RawValue,
  given: readonly (readonly [string, RawValue])[],
): AllowedScript | string {
  if (!isScriptName(name)) return SCRIPT_NAME_RULE;
  if (typeof path !== "string" || !path.startsWith("/") || path.includes("\0")) {
    return "expected an absolute path";
  }
  const options: { -readonly [Key in keyof ScriptOptions]: number } = {};
  for (const [key, value] of given) {
    if (!isScriptOption(key)) return `unknown option ${key}`;
    if (options[key] !== undefined) return `${key} is given twice`;
    const number = SCRIPT_OPTIONS[key].read(String(value));
    if (number === undefined) return `${key}: expected ${SCRIPT_OPTIONS[key].expected}`;
    options[key] = number;
  }
  return { name, path, options };
}
