/** Every command that a sentence names, on a screen or in a document, is one that the program takes. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { agentProgram } from "../../src/cli/agent/program.ts";
import { apiProgram } from "../../src/cli/api/program.ts";
import type { Program } from "../../src/cli/command/command.ts";
import { controllerProgram } from "../../src/cli/controller/program.ts";
import { updateSerialProgram } from "../../src/cli/update-serial.ts";
import { documents, ROOT, readDocument } from "../support/documents.ts";

const PROGRAMS = [controllerProgram, agentProgram, apiProgram, updateSerialProgram];

/** Each mode's options, by `program mode`; those of every mode by `program`. */
const TABLE = new Map<string, ReadonlySet<string>>();
for (const program of PROGRAMS) {
  TABLE.set(program.name, new Set([...Object.keys(program.options), "help", "version"]));
  for (const [mode, entry] of Object.entries(program.verbs)) {
    const { options } = await entry.load();
    TABLE.set(`${program.name} ${mode}`, new Set([...Object.keys(options), "help"]));
  }
}

const INSTALLER = new Set(
  [...readDocument("install.sh").matchAll(/^ +--([a-z-]+)\)/gm)].map(([, name = ""]) => name),
);

/** Options of other programs that our documents name. */
const FOREIGN = new Set(["list", "now"]);

/** What stands after a program's name where a sentence speaks of it: `ctrl-exec gave up`, `ctrl-exec is`. */
const PROSE = new Set(
  "and asks can carries ctrl-exec-api do ended gave goes hold holds is keeps listens of or pairing runs start stopped takes was with".split(
    " ",
  ),
);

interface Named {
  readonly text: string;
  readonly problem: string;
}

/** The commands of a text that no program takes. */
function wrongCommands(text: string): Named[] {
  const wrong: Named[] = [];
  const pattern =
    /(?<![\w./@-])(ctrl-exec(?:-agent|-api)?) ([a-z][a-z-]*)((?: (?:--?[a-z][\w-]*(?:=\S+)?|<[^>\n]+>|\$\{[^}]*\}|[\w.:/-]+))*)/g;
  for (const [whole, name = "", mode = "", rest = ""] of text.matchAll(pattern)) {
    const program = PROGRAMS.find((one) => one.name === name) as Program;
    const [nested = ""] = rest.trim().split(" ");
    const alias = program === controllerProgram && /^(agent|api)$/.test(mode);
    if (alias && (nested === "..." || (mode === "api" && nested === ""))) continue;
    const options = TABLE.get(alias ? `ctrl-exec-${mode} ${nested}` : `${name} ${mode}`);
    if (options === undefined) {
      if (!PROSE.has(mode)) wrong.push({ text: whole, problem: `${name} has no mode ${mode}` });
      continue;
    }
    const own = rest.split(" -- ")[0] ?? "";
    // Whoever copies it as it stands must get on with it.
    if (mode === "request-pairing" && !/ --(dispatcher|ctrl-exec|help)/.test(own)) {
      wrong.push({ text: whole, problem: `${name} ${mode} needs --dispatcher` });
    }
    for (const [, option = ""] of own.matchAll(/ --([a-z][a-z-]*)/g)) {
      if (!options.has(option)) {
        wrong.push({ text: whole, problem: `${name} ${mode} has no --${option}` });
      }
    }
  }
  return wrong;
}

/** Options that neither a program of ours nor the installer has. */
function wrongOptions(text: string): string[] {
  const known = new Set([...INSTALLER, ...FOREIGN]);
  for (const options of TABLE.values()) for (const option of options) known.add(option);
  return [...text.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)]
    .map(([, option = ""]) => option)
    .filter((option) => !known.has(option));
}

/** `mode --option` without the program's name, as `approve --code`. */
function wrongShort(text: string): string[] {
  return [...text.matchAll(/`([a-z][a-z-]*) (--[a-z][^`]*)`/g)].flatMap(
    ([, mode = "", rest = ""]) => {
      const having = PROGRAMS.flatMap(({ name }) => TABLE.get(`${name} ${mode}`) ?? []);
      if (having.length === 0) return [];
      const options = [...rest.matchAll(/--([a-z][a-z-]*)/g)].map(([, option = ""]) => option);
      return options.filter((option) => !having.some((set) => set.has(option)));
    },
  );
}

/** The texts of a source: its string literals, without its comments. A template's values stay as `${...}`. */
function textsOf(file: string): string {
  const source = readFileSync(join(ROOT, file), "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
  const literals = source.match(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
  return literals.map((literal) => literal.slice(1, -1)).join("\n");
}

const sources = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: ROOT })].sort();
const assets = readdirSync(join(ROOT, "src/assets"))
  .filter((name) => /\.(conf|sh)$|^auth-hook$/.test(name))
  .map((name) => `src/assets/${name}`);

describe("the commands that the programs print", () => {
  test("are found", () => {
    expect(sources.map(textsOf).join("\n")).toContain("ctrl-exec list-locks");
  });

  test.each(sources)("%s", (file) => {
    expect(wrongCommands(textsOf(file))).toEqual([]);
  });
});

describe("the commands of other texts", () => {
  test.each([...documents(), "CHANGELOG.md", "install.sh", ...assets])("%s", (file) => {
    const text = readDocument(file);
    expect(wrongCommands(text)).toEqual([]);
    expect(wrongShort(text)).toEqual([]);
    if (file.endsWith(".md")) {
      const inline = [...text.matchAll(/`[^`\n]+`/g)].map(([code]) => code).join("\n");
      expect(wrongOptions(inline)).toEqual([]);
    }
  });
});

test("a command that the program does not take is seen", () => {
  expect(wrongCommands("see: ctrl-exec list-lock")).toHaveLength(1);
  expect(wrongCommands("Run ctrl-exec rotate-cert --yes.")).toHaveLength(1);
  expect(wrongCommands("ctrl-exec agent self-check --token x")).toHaveLength(1);
  expect(wrongCommands("pair it: ctrl-exec-agent request-pairing")).toHaveLength(1);
  expect(wrongCommands("ctrl-exec run web-01 x -- --anything")).toEqual([]);
  expect(wrongShort("`approve --codes`")).toEqual(["codes"]);
  expect(wrongOptions("`--ca-finger`")).toEqual(["ca-finger"]);
});
