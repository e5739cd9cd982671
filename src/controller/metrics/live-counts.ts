/**
 * What this process counts, on its way to the store: events are only collected as they happen, and counted and added
 * later, so that no run starts later because of it. If a process is killed, what it has not added is lost: some
 * seconds at most.
 */
import type { ControlEvent, ControlLog } from "../../core/events.ts";
import type { Tally } from "../../core/metrics/tally.ts";
import type { AllCounts, CountStore } from "../store/ports/counts.ts";

/** A command that goes on for longer adds what it has so far. */
const ADD_EVERY_MS = 5000;

export class LiveCounts {
  #store: CountStore | undefined;
  #events: ControlEvent[] = [];
  /** Counted but not yet added. */
  #pending: Tally | undefined;
  /** As it was last read. */
  #last: AllCounts | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** A log that also counts. */
  counting(log: ControlLog): ControlLog {
    return (event) => {
      log(event);
      this.#events.push(event);
      this.#timer ??= setTimeout(() => void this.add(), ADD_EVERY_MS).unref();
    };
  }

  keepIn(store: CountStore): void {
    this.#store = store;
  }

  /** What was counted so far is added, if anybody reads it. Never rejects. */
  async add(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#inTurn(async () => {
      if (this.#events.length === 0 && this.#pending === undefined) return;
      if (!(await this.#store?.isRead())) this.#events = [];
      else if (!(await this.#count()).isEmpty) await this.#readAll();
    });
  }

  /** What all processes have counted; undefined if that cannot be read, and never could. Never rejects. */
  async all(): Promise<AllCounts | undefined> {
    return await this.#inTurn(() => this.#readAll());
  }

  async #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(work);
    this.#turn = turn;
    return await turn;
  }

  async #readAll(): Promise<AllCounts | undefined> {
    const { counts } = await this.#count();
    const read = await this.#store?.readAll(counts);
    if (read !== undefined) {
      this.#pending = undefined;
      this.#last = read;
      return read;
    }
    // It is added once the store can be written again; until then it is shown all the same.
    if (this.#last === undefined) return undefined;
    const { controlTally } = await import("../../core/metrics/control-counting.ts");
    const shown = controlTally({ onlyTimed: true });
    shown.merge(this.#last.counts);
    shown.merge(counts);
    return { since: this.#last.since, counts: shown.counts };
  }

  async #count(): Promise<Tally> {
    const { controlTally, countControlEvent } = await import(
      "../../core/metrics/control-counting.ts"
    );
    const tally = this.#pending ?? controlTally({ maxScripts: MAX_PENDING_SCRIPTS });
    const events = this.#events;
    this.#events = [];
    for (const event of events) countControlEvent(event, tally);
    this.#pending = tally.isEmpty ? undefined : tally;
    return tally;
  }
}

/** Which of them get their own label is decided when they are added to the store. */
const MAX_PENDING_SCRIPTS = 1000;
