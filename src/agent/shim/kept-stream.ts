/** The file of one stream of a job: the first bytes of what its script prints, as many as there is room for. */
import { closeSync, openSync, writeSync } from "node:fs";
import { hideSpots, SecretFinder, type SecretSpot } from "../../core/secret-mask.ts";
import { noteSpots } from "../jobs/secret-spots.ts";

/** No more spots than this are noted for a stream. */
const MAX_SPOTS = 256;

/** How many bytes all jobs of a shim may hold together. */
export interface Room {
  total: number;
  held: number;
}

export class KeptStream {
  readonly #path: string;
  readonly #limit: number;
  readonly #room: Room;
  readonly #finder: SecretFinder;
  #file: number | undefined;
  /** How often the caller's token was printed. */
  #spots = 0;
  /** In the file. */
  #kept = 0;
  #dropped = 0;

  /**
   * @param limit bytes to keep
   * @param secret the caller's token: where it was printed is noted beside the file
   */
  constructor(path: string, limit: number, room: Room, secret: string) {
    this.#finder = new SecretFinder(secret);
    this.#path = path;
    this.#limit = limit;
    this.#room = room;
  }

  get kept(): number {
    return this.#kept;
  }

  /** Adds what the script has printed. */
  get printed(): number {
    return this.#kept + this.#dropped;
  }

  take(chunk: Uint8Array): void {
    const { bytes, spots } = this.#finder.take(chunk);
    this.#keep(this.#noted(bytes, spots));
  }

  /** Nothing more comes. */
  end(): void {
    this.#keep(this.#finder.end());
  }

  /** Once no more spots can be noted, the token is not kept at all. */
  #noted(bytes: Uint8Array, spots: readonly SecretSpot[]): Uint8Array {
    const kept = spots.filter(({ at }) => at < this.#limit);
    if (kept.length === 0) return bytes;
    this.#spots += kept.length;
    if (this.#spots <= MAX_SPOTS && noteSpots(this.#path, kept)) return bytes;
    const hidden = new Uint8Array(bytes);
    hideSpots(hidden, this.printed, spots);
    return hidden;
  }

  #keep(chunk: Uint8Array): void {
    // A stream that is silent gets no file.
    if (chunk.length === 0) return;
    // Once something was dropped, everything that follows is dropped: the file is a beginning, without gaps.
    const room = this.#dropped > 0 ? 0 : Math.min(this.#limit - this.#kept, this.#freeRoom());
    const written = room > 0 ? this.#write(chunk.subarray(0, room)) : 0;
    this.#kept += written;
    this.#room.held += written;
    this.#dropped += chunk.length - written;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#room.held -= this.#kept;
  }

  #freeRoom(): number {
    return Math.max(0, this.#room.total - this.#room.held);
  }

  /** Returns how much of it fitted on the disk. */
  #write(bytes: Uint8Array): number {
    let written = 0;
    try {
      this.#file ??= openSync(this.#path, "ax", 0o600);
      while (written < bytes.length) written += writeSync(this.#file, bytes, written);
    } catch {
      // The disk is full: the rest counts as dropped.
    }
    return written;
  }
}
