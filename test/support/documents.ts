/** The fenced blocks of the documents. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "..", "..");

export interface Block {
  /** `docs/INSTALL.md:12` */
  readonly place: string;
  /** The words after the fence: `sh`, `ini agent.conf`, `json`. */
  readonly info: string;
  readonly text: string;
}

export function documents(): string[] {
  const docs = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...docs.map((name) => `docs/${name}`)];
}

export function readDocument(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

export function blocksOf(file: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of readDocument(file).split("\n").entries()) {
    const fence = /^\s*```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) open = { info: fence[1] ?? "", line: index + 1, lines: [] };
    else {
      blocks.push({
        place: `${file}:${open.line}`,
        info: open.info,
        text: `${open.lines.join("\n")}\n`,
      });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: a fence is never closed`);
  return blocks;
}

export function allBlocks(): Block[] {
  return documents().flatMap(blocksOf);
}
