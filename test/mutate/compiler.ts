/** The TypeScript compiler over a folder: reads its sources, and says whether a changed file still compiles. */
import { join } from "node:path";
import { API, type Project } from "typescript/unstable/async";
import { apply, type Change, type Site } from "./change.ts";
import { sitesOf } from "./sites.ts";

/** A declaration that nothing uses any more: a change leaves one behind, and it does no harm. */
const UNUSED: readonly number[] = [6133, 6138, 6192, 6196, 6198, 6199];

export class Compiler implements AsyncDisposable {
  readonly #root: string;
  /** What a file holds instead of what is on the disk. */
  readonly #changed = new Map<string, string>();
  readonly #api: API;

  /** @param root a folder with a tsconfig.json, as an absolute path */
  constructor(root: string) {
    this.#root = root;
    this.#api = new API({ cwd: root, fs: { readFile: (path) => this.#changed.get(path) } });
  }

  /** @param file from the root */
  async sites(file: string): Promise<Site[]> {
    const source = await (await this.#project()).program.getSourceFile(join(this.#root, file));
    if (source === undefined) throw new Error(`${file} is not part of ${this.#root}/tsconfig.json`);
    return sitesOf(source, file);
  }

  /** @param text the file as it is */
  async compiles(text: string, change: Change): Promise<boolean> {
    const path = join(this.#root, change.file);
    this.#changed.set(path, apply(text, change));
    try {
      const { program } = await this.#project(path);
      const found = [
        ...(await program.getSyntacticDiagnostics(path)),
        ...(await program.getSemanticDiagnostics(path)),
      ];
      return found.every(({ code }) => UNUSED.includes(code));
    } finally {
      this.#changed.delete(path);
      await this.#project(path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Ctrl-C has ended the compiler as well: then there is nothing to close.
    await this.#api.close().catch(() => {});
  }

  /** @param changed the file that is to be read again */
  async #project(...changed: readonly string[]): Promise<Project> {
    const config = join(this.#root, "tsconfig.json");
    const snapshot = await this.#api.updateSnapshot({
      openProjects: [config],
      ...(changed.length === 0 ? {} : { fileChanges: { changed: [...changed] } }),
    });
    const project = snapshot.getProject(config);
    if (project === undefined) throw new Error(`${config} opens no project`);
    return project;
  }
}
