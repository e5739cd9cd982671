/**
 * The notices of this process, on their way to the spool: events are only collected as they happen, and become
 * notices a moment later or at the end of the process, so that no run starts or ends later because of them.
 */
import type { ControlEvent, ControlLog } from "../../core/events.ts";
import { isToldOf, newsOf } from "../../core/notices/events-told.ts";
import type { NoticeNews } from "../../core/notices/news.ts";
import { RefusedJoins } from "../../core/notices/refused-joins.ts";
import type { HostContext } from "../store/host.ts";
import { hasReceivers } from "./has-receivers.ts";

/** The hosts of a run that fail within this time share one notice. */
const COLLECT_MS = 1000;
/** Whoever has no token can make many joins be refused. */
const REFUSED_MS = 60_000;
/** How many events one process collects in that time: a run has no more hosts. */
const MAX_COLLECTED = 100_000;

type Timer = ReturnType<typeof setTimeout>;

export class LiveNotices {
  #host: HostContext | undefined;
  #events: ControlEvent[] = [];
  readonly #refused = new RefusedJoins();
  #timer: Timer | undefined;
  #refusedTimer: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  readonly #refusedMs: number;

  /** @param refusedMs for how long refused joins are collected */
  constructor(refusedMs = REFUSED_MS) {
    this.#refusedMs = refusedMs;
  }

  /** A log that also makes notices. */
  telling(log: ControlLog): ControlLog {
    return (event) => {
      log(event);
      if (event.event === "join-refuse") {
        this.#refused.note(event);
        this.#refusedTimer ??= setTimeout(() => this.#tellRefused(), this.#refusedMs).unref();
      } else if (isToldOf(event) && this.#events.length < MAX_COLLECTED) {
        this.#events.push(event);
        this.#timer ??= setTimeout(() => this.#tellEvents(), COLLECT_MS).unref();
      }
    };
  }

  tellFrom(host: HostContext): void {
    this.#host = host;
  }

  /** What was collected so far is left for its receivers. Never rejects. */
  async tell(): Promise<void> {
    this.#tellEvents();
    this.#tellRefused();
    await this.#turn;
  }

  #tellEvents(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#events;
    this.#events = [];
    this.#leave(newsOf(events));
  }

  #tellRefused(): void {
    clearTimeout(this.#refusedTimer);
    this.#refusedTimer = undefined;
    this.#leave(this.#refused.take());
  }

  #leave(news: readonly NoticeNews[]): void {
    const host = this.#host;
    if (news.length === 0 || host === undefined || !hasReceivers(host.config)) return;
    this.#turn = this.#turn.then(async () => {
      const { leaveNotices } = await import("./leave-notices.ts");
      await leaveNotices(host, news);
    });
  }
}
