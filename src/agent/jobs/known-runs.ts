/**
 * Which runs this agent can answer for: since when it knows all of them, and which of them it will not start. With
 * both it is certain of a run that it does not know (docs/DECISIONS.md, "A run that its agent does not know").
 */
import { statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** In the folder of all jobs. Its time is the moment since which every run is known. */
const FILE = "known-since";

/** A control host withdraws a run only if its process has ended before its agent had answered. */
const MAX_WITHDRAWN = 10_000;

/** Undefined if it cannot be seen, also where no folder of jobs can be made. */
function timeOf(file: string): number | undefined {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return undefined;
  }
}

export class KnownRuns {
  readonly #file: string;
  /** The oldest first. */
  readonly #withdrawn = new Set<string>();
  /** Milliseconds since 1970. */
  #since: number;

  /** @param now of an agent that starts: without the file, nothing is known of runs before it */
  constructor(folder: string, now: Date) {
    this.#file = join(folder, FILE);
    this.#since = timeOf(this.#file) ?? now.getTime();
  }

  /** For the next agent. To be called when the folder of all jobs was made, or may have been made anew. */
  note(): void {
    try {
      writeFileSync(this.#file, "", { mode: 0o600 });
      this.#stamp();
    } catch {
      // The disk is full: the next agent knows of no run before its own start.
    }
  }

  /** A run that was asked for at this time or before is not known any more, or never was. */
  forget(time: number): void {
    if (time <= this.#since) return;
    this.#since = time;
    this.#stamp();
  }

  /** It does not start from now on. */
  withdraw(reqid: string): void {
    this.#withdrawn.add(reqid);
    if (this.#withdrawn.size <= MAX_WITHDRAWN) return;
    const [oldest = ""] = this.#withdrawn;
    this.#withdrawn.delete(oldest);
  }

  isWithdrawn(reqid: string): boolean {
    return this.#withdrawn.has(reqid);
  }

  /** For how many milliseconds every run is known. */
  since(now: Date): number {
    return Math.max(0, now.getTime() - this.#since);
  }

  #stamp(): void {
    try {
      utimesSync(this.#file, new Date(), new Date(this.#since));
    } catch {
      // There is none yet.
    }
  }
}
