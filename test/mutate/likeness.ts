/**
 * How much a test speaks of what a source file does: the words that both hold, the rare ones counting
 * more. An end-to-end test drives the compiled program, so no import says what it reaches.
 */

/** How much more the words around a change count than the others of its file. */
const NEAR = 5;

export class Vocabulary {
  readonly #words: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #files = new Map<string, number>();

  /** @param texts the tests, by their names */
  constructor(texts: ReadonlyMap<string, string>) {
    this.#words = new Map([...texts].map(([name, text]) => [name, wordsOf(text)]));
    for (const words of this.#words.values()) {
      for (const word of words) this.#files.set(word, (this.#files.get(word) ?? 0) + 1);
    }
  }

  /**
   * @param text of the source
   * @param lines of it that count most
   * @returns the names of the tests, the likest first
   */
  ranked(text: string, lines: string): string[] {
    const all = wordsOf(text);
    const near = wordsOf(lines);
    const score = (words: ReadonlySet<string>) =>
      this.#score(words, all) + NEAR * this.#score(words, near);
    return [...this.#words]
      .map(([name, words]) => ({ name, score: score(words) }))
      .sort((a, b) => b.score - a.score)
      .map(({ name }) => name);
  }

  /** Divided by the root of the test's own length, or the longest test would always come first. */
  #score(words: ReadonlySet<string>, wanted: ReadonlySet<string>): number {
    const all = this.#words.size;
    let sum = 0;
    for (const word of wanted) {
      if (words.has(word)) sum += Math.log(all / (this.#files.get(word) ?? all));
    }
    return sum / Math.sqrt(Math.max(1, words.size));
  }
}

/** `readPace` and "read-pace" are both "read" and "pace", and "readpace". */
function wordsOf(text: string): Set<string> {
  const found = new Set<string>();
  for (const [word] of text.matchAll(/[A-Za-z][A-Za-z0-9]+/g)) {
    found.add(word.toLowerCase());
    for (const [part] of word.matchAll(/[A-Z]?[a-z0-9]{2,}/g)) found.add(part.toLowerCase());
  }
  return found;
}
