/**
 * Hides a secret in what a script prints (T27) by a mark of the same length: every other byte stays where it is, so
 * that a reader who continues from an offset finds what it expects.
 */

const MARK = "[token]";

/** The secret as it is, and as it is written in JSON. */
function spellings(secret: string): readonly string[] {
  const asJson = JSON.stringify(secret).slice(1, -1);
  return secret === "" ? [] : [...new Set([asJson, secret])];
}

/** Where the secret is in a stream, in bytes. */
export interface SecretSpot {
  readonly at: number;
  readonly length: number;
}

const NOTHING = Buffer.alloc(0);

/** Finds a secret in one stream, in pieces of any size. */
export class SecretFinder {
  readonly #spellings: readonly Buffer[];
  /** What may be the beginning of the secret, as a copy. */
  #held = NOTHING;
  /** How many bytes have been passed on. */
  #passed = 0;

  constructor(secret: string) {
    this.#spellings = spellings(secret).map((text) => Buffer.from(text, "utf8"));
  }

  /** What can now be passed on, and where the secret is in it, by the offsets of the stream. */
  take(piece: Uint8Array): { readonly bytes: Uint8Array; readonly spots: readonly SecretSpot[] } {
    if (this.#spellings.length === 0) return { bytes: piece, spots: [] };
    const all = this.#held.length === 0 ? asBuffer(piece) : Buffer.concat([this.#held, piece]);
    const spots: SecretSpot[] = [];
    let done = 0;
    for (let found = this.#first(all, 0); found !== undefined; found = this.#first(all, done)) {
      spots.push({ at: this.#passed + found.at, length: found.length });
      done = found.at + found.length;
    }
    const safe = all.length - this.#begun(all.subarray(done));
    this.#held = Buffer.from(all.subarray(safe));
    this.#passed += safe;
    return { bytes: all.subarray(0, safe), spots };
  }

  /** What was held back, when no more comes. */
  end(): Uint8Array {
    const rest = this.#held;
    this.#held = NOTHING;
    return rest;
  }

  #first(all: Buffer, from: number): SecretSpot | undefined {
    let first: SecretSpot | undefined;
    for (const spelling of this.#spellings) {
      const at = all.indexOf(spelling, from);
      if (at >= 0 && (first === undefined || at < first.at))
        first = { at, length: spelling.length };
    }
    return first;
  }

  /** How many of the last bytes may be the beginning of the secret. */
  #begun(rest: Buffer): number {
    return Math.max(...this.#spellings.map((spelling) => begunOf(rest, spelling)));
  }
}

/** Puts marks over the secret. @param offset of the bytes, which are changed, in their stream */
export function hideSpots(bytes: Uint8Array, offset: number, spots: readonly SecretSpot[]): void {
  for (const { at, length } of spots) {
    const from = Math.max(at, offset);
    const to = Math.min(at + length, offset + bytes.length);
    if (from < to) bytes.set(markOf(length).subarray(from - at, to - at), from - offset);
  }
}

/** Hides a secret in one stream. */
export class SecretMask {
  readonly #finder: SecretFinder;
  #passed = 0;

  constructor(secret: string) {
    this.#finder = new SecretFinder(secret);
  }

  /** What can now be passed on; the piece itself is not changed. */
  take(piece: Uint8Array): Uint8Array {
    const { bytes, spots } = this.#finder.take(piece);
    const hidden = spots.length === 0 ? bytes : new Uint8Array(bytes);
    hideSpots(hidden, this.#passed, spots);
    this.#passed += bytes.length;
    return hidden;
  }

  /**
   * What was held back, when no more comes.
   *
   * @param isCut more was printed: the beginning of the secret is hidden too, because it may have been cut
   */
  end(isCut: boolean): Uint8Array {
    const rest = this.#finder.end();
    if (isCut) hideSpots(rest, 0, [{ at: 0, length: rest.length }]);
    return rest;
  }
}

/** A mark of this many bytes. */
function markOf(bytes: number): Buffer {
  return Buffer.from(MARK.padEnd(bytes, "*").slice(0, bytes));
}

function begunOf(rest: Buffer, wanted: Buffer): number {
  const [first = 0] = wanted;
  const earliest = Math.max(0, rest.length - wanted.length + 1);
  for (let at = rest.indexOf(first, earliest); at >= 0; at = rest.indexOf(first, at + 1)) {
    if (wanted.subarray(0, rest.length - at).equals(rest.subarray(at))) return rest.length - at;
  }
  return 0;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
