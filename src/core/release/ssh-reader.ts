/** Reads SSH's binary form (RFC 4251, section 5): a length in four bytes before each string. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether all was read; false once something was missing. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next so many bytes; undefined if there are fewer. */
  take(length: number): Buffer | undefined {
    if (length > this.#bytes.length - this.#at) {
      // What was cut is never at its end.
      this.#at = Number.POSITIVE_INFINITY;
      return undefined;
    }
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }

  number(): number | undefined {
    return this.take(4)?.readUInt32BE(0);
  }

  bytes(): Buffer | undefined {
    const length = this.number();
    return length === undefined ? undefined : this.take(length);
  }

  text(): string | undefined {
    return this.bytes()?.toString("latin1");
  }
}
