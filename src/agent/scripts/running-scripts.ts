/** What is running now: limits the number of processes, and how often one script runs at once. */

/** Gives the slot back; calling it again does nothing. */
export type Release = () => void;

export class RunningScripts {
  #maxProcesses: number;
  #total = 0;
  /** By script name; only those that run, so the allowlist bounds it. */
  readonly #byName = new Map<string, number>();

  /** @param maxProcesses see agentShares() */
  constructor(maxProcesses: number) {
    this.#maxProcesses = maxProcesses;
  }

  /** How many processes have a slot. */
  get total(): number {
    return this.#total;
  }

  resize(maxProcesses: number): void {
    this.#maxProcesses = maxProcesses;
  }

  /** A slot for one more process; undefined if this agent has as many as it can hold. */
  takeProcess(): Release | undefined {
    if (this.#total >= this.#maxProcesses) return undefined;
    this.#total += 1;
    return once(() => {
      this.#total -= 1;
    });
  }

  /** How many runs of the script have a slot. */
  of(name: string): number {
    return this.#byName.get(name) ?? 0;
  }

  /** A slot for one more run of the script; undefined if `concurrency` of them are already running. */
  takeScript(name: string, concurrency: number | undefined): Release | undefined {
    const running = this.of(name);
    if (concurrency !== undefined && running >= concurrency) return undefined;
    this.#byName.set(name, running + 1);
    return once(() => {
      const left = (this.#byName.get(name) ?? 1) - 1;
      if (left === 0) this.#byName.delete(name);
      else this.#byName.set(name, left);
    });
  }
}

function once(action: () => void): Release {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
