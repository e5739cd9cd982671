/** Comments and texts point only to documents that the project has, and to parts that these have. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { documents, ROOT, readDocument } from "../support/documents.ts";

/** A comment or a text goes on in the next line. */
function unwrapped(source: string): string {
  return source.replace(/\s*\n\s*(?:\*(?!\/)|\/\/+|#+|\|)?\s*/g, " ");
}

interface Headings {
  readonly titles: ReadonlySet<string>;
  readonly anchors: ReadonlySet<string>;
}

const known = new Map<string, Headings>();

function headingsOf(file: string): Headings {
  let found = known.get(file);
  if (found === undefined) {
    const text = readDocument(file).replace(/^```[\s\S]*?^```/gm, "");
    const titles = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, title = ""]) => title);
    found = { titles: new Set(titles), anchors: new Set(titles.map(anchorOf)) };
    known.set(file, found);
  }
  return found;
}

/** As forges make it. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}

/** `docs/NAME.md`, and `, section 2`, `, sections 1 and 2`, `, "Heading"` or a key in backquotes after it. */
const POINTER = /\bdocs\/([\w.-]+\.md)(?:, (sections? \d+(?: and \d+)*|"[^"]+"|`[^`]+`))?/g;

interface Pointer {
  readonly text: string;
  readonly file: string;
  readonly part: string;
}

function pointersIn(source: string): Pointer[] {
  return [...unwrapped(source).matchAll(POINTER)].map(([text, name = "", part = ""]) => {
    return { text, file: `docs/${name}`, part };
  });
}

function leadsSomewhere({ file, part }: Pointer): boolean {
  if (!existsSync(join(ROOT, file))) return false;
  const { titles } = headingsOf(file);
  if (part.startsWith('"')) return titles.has(part.slice(1, -1));
  if (part.startsWith("`")) return readDocument(file).includes(part);
  const numbers = part.match(/\d+/g) ?? [];
  return numbers.every((number) => [...titles].some((title) => title.startsWith(`${number}. `)));
}

function deadPointers(source: string): string[] {
  return pointersIn(source)
    .filter((pointer) => !leadsSomewhere(pointer))
    .map(({ text }) => text);
}

/** Files beside docs/ that the project has. */
const OWN = new Set(["README.md", "CHANGELOG.md"]);

/** What points to a document that is not here. */
function foreignPointers(source: string): string[] {
  const text = unwrapped(source);
  const files = [...text.matchAll(/(?<![\w.-])([A-Z][A-Z-]+\.(?:md|txt))\b/g)];
  return [
    ...files.filter(([, name = ""]) => !OWN.has(name) && !existsSync(join(ROOT, "docs", name))),
    // A document is named with its folder, so that it can be found. RFCs and manual pages are not ours.
    ...text.matchAll(/(?<!docs\/)\b(?!RFC\b)[A-Z][A-Z-]{2,}(?:\.md)?,? sections? \d/g),
    ...text.matchAll(/\b(?:DESIGN|REFERENCE|THREATS|HOUSE-MOVES|PROTOCOL)(?:, "| \d)/g),
    ...text.matchAll(/\((?:issue|design)[:,]/g),
    // "the manual", "(manual, ...)"; a manual page is something else.
    ...text.matchAll(/\bmanual\b(?! pages?\b| not found)/gi),
  ].map(([found]) => found);
}

const SELF = "test/docs/pointers.test.ts";
const sources = [...new Bun.Glob("{src,test,.ci}/**/*").scanSync({ cwd: ROOT, dot: true })]
  .filter((file) => !/\.(?:der|png|svg|pem)$/.test(file) && file !== SELF)
  .sort();
const others = ["install.sh", "Makefile", "biome.json", "bunfig.toml", "CHANGELOG.md"];

describe("the pointers of", () => {
  test("the sources are found", () => {
    const found = sources.flatMap((file) => pointersIn(readDocument(file)));
    expect(found.filter(({ part }) => part.startsWith("section")).length).toBeGreaterThan(40);
    expect(found.filter(({ part }) => part.startsWith('"')).length).toBeGreaterThan(10);
  });

  test.each([...sources, ...others, ...documents()])("%s lead to a part of the project", (file) => {
    const text = readDocument(file);
    expect(deadPointers(text)).toEqual([]);
    expect(foreignPointers(text)).toEqual([]);
  });
});

test.each(documents())("the links of %s lead to a heading", (file) => {
  const folder = file.startsWith("docs/") ? "docs/" : "";
  const dead = [...readDocument(file).matchAll(/\]\(([\w./-]*)(?:#([\w-]+))?\)/g)].filter(
    ([, path = "", anchor]) => {
      const target = path === "" ? file : `${folder}${path}`;
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !headingsOf(target).anchors.has(anchor);
    },
  );
  expect(dead.map(([link]) => link)).toEqual([]);
});

describe("a pointer that leads nowhere is seen:", () => {
  test.each([
    ["a document", "see docs/WIRE.md"],
    ["a section", "docs/PROTOCOL.md, section 99"],
    ["one section of two", "docs/PROTOCOL.md, sections 1 and 99"],
    ["a heading", 'docs/SECURITY.md, "Whom it trusted"'],
    ["a key", "docs/CONFIGURATION.md, `no_such_key`"],
    ["over two lines of a comment", "/**\n * docs/PROTOCOL.md,\n * section 99\n */"],
  ])("%s", (_, source) => {
    expect(deadPointers(source)).toHaveLength(1);
  });

  test.each([
    ["a section", "docs/PROTOCOL.md, section 2: more"],
    ["sections", "docs/PROTOCOL.md, sections 1 and 2"],
    ["a heading over two lines", '// docs/SECURITY.md, "Whom it\n// trusts"'],
    ["a key", "docs/CONFIGURATION.md, `read_timeout`"],
  ])("%s that is there is not", (_, source) => {
    expect(deadPointers(source)).toEqual([]);
  });
});

describe("a pointer to a document that is not here is seen:", () => {
  test.each([
    "PROTOCOL section 2",
    "PROTOCOL.md, section 2",
    "/* PROTOCOL\n * section 2 */",
    "(PROTOCOL 2)",
    'DESIGN, "TLS"',
    "shared/REFERENCE.txt",
    "THREATS.md",
    '(manual, "Global options")',
    "as the manual has it",
    "(issue: SIGTERM)",
  ])("%s", (source) => {
    expect(foreignPointers(source)).not.toEqual([]);
  });

  test.each([
    "docs/PROTOCOL.md, section 2",
    "RFC 9110 section 6.6.1",
    "[SECURITY.md](SECURITY.md#pairing)",
    "README.md and CHANGELOG.md",
    "Manual page of ctrl-exec",
  ])("%s is not one", (source) => {
    expect(foreignPointers(source)).toEqual([]);
  });
});
