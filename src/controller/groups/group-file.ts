/** A file of groups.d: a table for each group. Pure, and strict: anything unknown is an error. */
import * as z from "zod/mini";
import { badLine, isTable, parseToml } from "../../core/config/conf-syntax.ts";
import { meantBy } from "../../core/config/slips.ts";
import { messageOf } from "../../core/errors.ts";
import { type HostTerm, unionOf } from "../../core/hosts/expression.ts";
import { groupNameProblem } from "../../core/hosts/group-name.ts";
import { type GroupDefinition, readGroupExpression } from "./definition.ts";
import { OTHERS, unusableGroup } from "./unusable-group.ts";

const EXPECTED = "expected a host expression, or a list of them";

/** A string is one expression: a comma in it belongs to the expression. */
const expressions = z.pipe(
  z.union([z.string(), z.array(z.string())], { error: EXPECTED }),
  z.transform((value: string | string[]) => (typeof value === "string" ? [value] : value)),
);

const shape = z.strictObject({
  hosts: expressions,
  except: z.optional(expressions),
});

const KEYS = Object.keys(shape.shape);

/** @throws CtrlExecError `config` that names the file and the line */
export async function readGroupFile(file: string, text: string): Promise<GroupDefinition[]> {
  const table = await parseToml(file, text);
  const lineOf = lineFinder(text);
  return Object.entries(table).map(([name, value]) => {
    const problem = groupNameProblem(name);
    if (problem !== undefined) throw badLine(file, lineOf(name), problem);
    if (!isTable(value)) throw badLine(file, lineOf(name), notATable(name));
    const nested = Object.keys(value).find((key) => isTable(value[key]));
    if (nested !== undefined) {
      const whole = JSON.stringify(`${name}.${nested}`);
      throw badLine(file, lineOf(name), `a name with a dot must be in quotes: [${whole}]`);
    }
    const members = membersOf(value, (key, why) => {
      throw badLine(file, lineOf(name, key), `[${name}] ${key}: ${why}`);
    });
    if (members.length === 0) return emptyGroup(name, file, lineOf(name, "hosts"));
    return { name, from: "file", where: file, members: () => members };
  });
}

/** It may be filled later; until then, '@all!@@spared' must not stand for all hosts. */
function emptyGroup(name: string, where: string, line: number): GroupDefinition {
  const members = () => {
    throw unusableGroup(name, where, `line ${line}: its hosts are an empty list`, OTHERS);
  };
  return { name, from: "file", where, members };
}

function notATable(name: string): string {
  const meant = `[${JSON.stringify(name).slice(1, -1)}]`;
  return `${name} is outside of any group; a group is ${meant}, and below it hosts = ["web-[01-20]"]`;
}

function membersOf(
  table: Record<string, unknown>,
  refuse: (key: string, why: string) => never,
): readonly HostTerm[] {
  const parsed = shape.safeParse(table);
  const { issues = [] } = parsed.error ?? {};
  const [issue] = issues;
  const [key] = issues.flatMap((each) => (each.code === "unrecognized_keys" ? each.keys : []));
  if (key !== undefined) {
    return refuse(key, `unknown key; ${meantBy(key, KEYS)}`);
  }
  if (!parsed.success) return refuse(String(issue?.path[0]), issue?.message ?? EXPECTED);
  const { hosts, except = [] } = parsed.data;
  const wanted = readAll("hosts", hosts, refuse);
  const unwanted = readAll("except", except, refuse);
  if (unwanted.length === 0 || wanted.length === 0) return wanted;
  const { first, steps } = unionOf(wanted);
  const without = unwanted.map((term) => ({ operator: "without", term }) as const);
  return [{ kind: "expression", first, steps: [...steps, ...without] }];
}

function readAll(
  key: string,
  texts: readonly string[],
  refuse: (key: string, why: string) => never,
): HostTerm[] {
  return texts.map((text) => {
    try {
      return readGroupExpression(text);
    } catch (thrown) {
      return refuse(key, messageOf(thrown));
    }
  });
}

/** The parser keeps no positions: the line of a key, or else of its group's header, or else the first. */
function lineFinder(text: string): (group: string, key?: string) => number {
  const lines = text.split("\n").map((line) => line.trim());
  const begins = (line: string, name: string) =>
    [name, JSON.stringify(name), `'${name}'`].some((form) => {
      return line.startsWith(form) && /^\s*[=.\]]/.test(line.slice(form.length));
    });
  return (group, key) => {
    const header = lines.findIndex((line) => begins(line.replace(/^\[\s*/, ""), group));
    if (key === undefined || header < 0) return Math.max(header, 0) + 1;
    const below = lines.slice(header + 1);
    const length = below.findIndex((line) => line.startsWith("["));
    const found = below
      .slice(0, length < 0 ? undefined : length)
      .findIndex((line) => begins(line, key));
    return header + found + 2;
  };
}
