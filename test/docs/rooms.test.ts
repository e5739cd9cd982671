/** The documents know the sources as they are: every room has its line, and every file that is named is there. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { documents, ROOT, readDocument } from "../support/documents.ts";

function foldersIn(path: string): string[] {
  const entries = readdirSync(join(ROOT, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${path}/${name}`);
}

/** The folders of a tree whose lines are indented by two: `    access/        who may do what`. */
function foldersDrawn(tree: string): string[] {
  const found: string[] = [];
  let room = "";
  for (const line of tree.split("\n")) {
    const [, indent = "", names = ""] = /^( +)((?:[a-z]+\/ ?)+)/.exec(line) ?? [];
    for (const name of names.split("/ ").map((each) => each.trim().replace(/\/$/, ""))) {
      if (name === "") continue;
      if (indent.length === 2) room = `src/${name}`;
      found.push(indent.length === 2 ? room : `${room}/${name}`);
    }
  }
  return found;
}

test("docs/ARCHITECTURE.md has every room, and no other", () => {
  const [, tree = ""] =
    /^```text\nsrc\/\n([\s\S]*?)^```/m.exec(readDocument("docs/ARCHITECTURE.md")) ?? [];
  const rooms = foldersIn("src");
  expect(foldersDrawn(tree).sort()).toEqual([...rooms, ...rooms.flatMap(foldersIn)].sort());
});

describe("every file of the sources that is named is there:", () => {
  test.each(documents())("%s", (file) => {
    const named = readDocument(file).matchAll(/`((?:src|test|\.ci)\/[\w./*-]+)`/g);
    for (const [, path = ""] of named) {
      const found =
        existsSync(join(ROOT, path)) ||
        [...new Bun.Glob(path).scanSync({ cwd: ROOT, dot: true })].length > 0;
      expect(found, path).toBe(true);
    }
  });
});
