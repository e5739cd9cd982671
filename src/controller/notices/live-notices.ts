/**
 * The notices of this process, on their way to the spool: events are only collected as they happen, and become
 * notices a moment later or at the end of the process, so that no run starts or ends later because of them.
 */
import type { ControlEvent, ControlLog } from "../../core/events.ts";
import { isToldOf } from "../../core/notices/notice.ts";
import type { HostContext } from "../store/host.ts";
import { hasReceivers } from "./has-receivers.ts";

/** The hosts of a run that fail within this time share one notice. */
const COLLECT_MS = 1000;
/** How many events one process collects in that time: a run has no more hosts. */
const MAX_COLLECTED = 100_000;

export class LiveNotices {
  #host: HostContext | undefined;
  #events: ControlEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn: Promise<void> = Promise.resolve();

  /** A log that also makes notices. */
  telling(log: ControlLog): ControlLog {
    return (event) => {
      log(event);
      if (!isToldOf(event) || this.#events.length >= MAX_COLLECTED) return;
      this.#events.push(event);
      this.#timer ??= setTimeout(() => void this.tell(), COLLECT_MS).unref();
    };
  }

  tellFrom(host: HostContext): void {
    this.#host = host;
  }

  /** What was collected so far is left for its receivers. Never rejects. */
  async tell(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#events;
    this.#events = [];
    const host = this.#host;
    if (events.length > 0 && host !== undefined && hasReceivers(host.config)) {
      this.#turn = this.#turn.then(async () => {
        const { leaveNotices } = await import("./leave-notices.ts");
        await leaveNotices(host, events);
      });
    }
    await this.#turn;
  }
}
