/** Whether any test notices a change. */
import { apply, around, type Change } from "./change.ts";
import type { Vocabulary } from "./likeness.ts";
import type { Imports } from "./reach.ts";
import type { Tree } from "./tree.ts";

export interface Verdict {
  readonly change: Change;
  /** The test file that noticed; undefined when none did. */
  readonly noticedBy?: string;
  /** How many test files were run, of how many that may reach it. */
  readonly ran: number;
  readonly reach: number;
}

export interface Bounds {
  /** How long a change is looked at by unit tests, and then by end-to-end tests: 0 leaves those out. */
  readonly unitMs: number;
  readonly cliMs: number;
  /** Now, in milliseconds of any clock that does not go back. */
  readonly now: () => number;
  /** Is told what a person should know of the tests. */
  readonly warn: (line: string) => void;
}

export class Judge {
  readonly #unchanged: Tree;
  readonly #changed: Tree;
  readonly #imports: Imports;
  readonly #unit: Vocabulary;
  readonly #cli: Vocabulary;
  readonly #bounds: Bounds;
  /** The test files that pass in the unchanged tree, or do not: those say nothing of a change. */
  readonly #sound = new Map<string, boolean>();
  #built = false;

  constructor(
    trees: { readonly unchanged: Tree; readonly changed: Tree },
    tests: { readonly imports: Imports; readonly unit: Vocabulary; readonly cli: Vocabulary },
    bounds: Bounds,
  ) {
    this.#unchanged = trees.unchanged;
    this.#changed = trees.changed;
    this.#imports = tests.imports;
    this.#unit = tests.unit;
    this.#cli = tests.cli;
    this.#bounds = bounds;
  }

  async judge(change: Change): Promise<Verdict> {
    const text = this.#changed.read(change.file);
    this.#changed.write(change.file, apply(text, change));
    try {
      const unit = this.#unitTests(change, text);
      const first = await this.#look(unit, this.#bounds.unitMs);
      const cli = this.#cli.ranked(text, around(text, change));
      const reach = unit.length + cli.length;
      if (first.noticedBy !== undefined || this.#bounds.cliMs === 0) {
        return { change, reach, ...first };
      }
      if ((await this.#changed.build()) !== "passed") {
        return { change, reach, ran: first.ran, noticedBy: "make build" };
      }
      const second = await this.#look(cli, this.#bounds.cliMs);
      return { change, reach, ...second, ran: first.ran + second.ran };
    } finally {
      this.#changed.write(change.file, text);
    }
  }

  /** First those that import the file themselves, then the others; of each the likest first. */
  #unitTests(change: Change, text: string): string[] {
    const distances = this.#imports.testsOf(change.file);
    const reaching = this.#unit
      .ranked(text, around(text, change))
      .filter((test) => distances.has(test));
    const own = reaching.filter((test) => distances.get(test) === 1);
    return [...own, ...reaching.filter((test) => !own.includes(test))];
  }

  async #look(
    tests: readonly string[],
    limitMs: number,
  ): Promise<Pick<Verdict, "noticedBy" | "ran">> {
    const end = this.#bounds.now() + limitMs;
    let ran = 0;
    for (const test of tests) {
      if (this.#bounds.now() > end) break;
      if (this.#sound.get(test) === false) continue;
      ran += 1;
      if ((await this.#changed.test(test)) === "passed") continue;
      if (this.#changed.stopped) break;
      // What fails without the change as well, or only now and then, has noticed nothing.
      if (!(await this.#isSound(test))) continue;
      if ((await this.#changed.test(test)) !== "passed") return { noticedBy: test, ran };
    }
    return { ran };
  }

  async #isSound(test: string): Promise<boolean> {
    const known = this.#sound.get(test);
    if (known !== undefined) return known;
    if (test.startsWith("test/end-to-end/") && !this.#built) {
      if ((await this.#unchanged.build()) !== "passed") throw new Error("the sources do not build");
      this.#built = true;
    }
    const sound = (await this.#unchanged.test(test)) === "passed";
    this.#sound.set(test, sound);
    if (!sound) this.#bounds.warn(`${test} fails without any change, and is left out`);
    return sound;
  }
}
