/** The documents know the sources as they are: every room has its line, and every file that is named is there. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { documents, ROOT, readDocument } from "../support/documents.ts";

function foldersIn(path: string): string[] {
  const entries = readdirSync(join(ROOT, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${path}/${name}`);
}

function allFoldersIn(path: string): string[] {
  return foldersIn(path).flatMap((folder) => [folder, ...allFoldersIn(folder)]);
}

/** The folders of a tree in which each level is indented by two more: `    access/        who may do what`. */
function foldersDrawn(tree: string): string[] {
  const found: string[] = [];
  const rooms = ["src"];
  for (const line of tree.split("\n")) {
    const [, indent = "", names = ""] = /^( +)((?:[a-z]+\/ ?)+)/.exec(line) ?? [];
    const depth = indent.length / 2;
    for (const name of names.split("/ ").map((each) => each.trim().replace(/\/$/, ""))) {
      if (name === "") continue;
      rooms[depth] = `${rooms[depth - 1]}/${name}`;
      found.push(rooms[depth]);
    }
  }
  return found;
}

const page = readDocument("docs/ARCHITECTURE.md");

test("docs/ARCHITECTURE.md has every room, and no other", () => {
  const [, tree = ""] = /^```text\nsrc\/\n([\s\S]*?)^```/m.exec(page) ?? [];
  expect(foldersDrawn(tree).sort()).toEqual(allFoldersIn("src").sort());
});

test("docs/ARCHITECTURE.md is one page", () => {
  expect(page.split("\n").length).toBeLessThanOrEqual(80);
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
