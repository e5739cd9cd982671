/** Which test files reach a source file by imports, and over how many of them. */
import { posix } from "node:path";

const transpiler = new Bun.Transpiler({ loader: "ts", target: "bun" });

/** @param sources every file of src and test, by its path from the root of the checkout */
export class Imports {
  readonly #importers = new Map<string, string[]>();

  constructor(sources: ReadonlyMap<string, string>) {
    for (const [file, text] of sources) {
      for (const named of namedIn(file, text)) {
        if (sources.has(named)) this.#add(named, file);
      }
    }
  }

  /** The test files that load the file, each with how many imports are between: 1 for its own tests. */
  testsOf(file: string): Map<string, number> {
    const distances = new Map([[file, 0]]);
    for (const [reached, distance] of distances) {
      for (const importer of this.#importers.get(reached) ?? []) {
        if (!distances.has(importer)) distances.set(importer, distance + 1);
      }
    }
    return new Map([...distances].filter(([reached]) => reached.endsWith(".test.ts")));
  }

  #add(file: string, importer: string): void {
    const importers = this.#importers.get(file) ?? [];
    importers.push(importer);
    this.#importers.set(file, importers);
  }
}

/**
 * The files that a file may load: what it imports, and what it names as a program of its own, beside it,
 * in the folder of src that its folder mirrors, or from the root.
 */
function namedIn(file: string, text: string): Set<string> {
  const folder = posix.dirname(file);
  const imported = transpiler
    .scanImports(text)
    .filter(({ path }) => path.startsWith("."))
    .map(({ path }) => posix.join(folder, path));
  const programs = [...text.matchAll(/(?<!\bfrom |\bimport\()["']([\w./-]+\.ts)["']/g)].flatMap(
    ([, path = ""]) => [
      posix.join(folder, path),
      posix.join(folder.replace(/^test\/unit\b/, "src"), path),
      path,
    ],
  );
  return new Set([...imported, ...programs]);
}
