/** Joins that were refused, counted for one notice: a storm of them costs no more than a few (T35). */
import type { ControlEvent } from "../events.ts";
import { MOST_NAMED } from "./bounds.ts";
import type { NoticeNews, RefusedHost } from "./news.ts";

export type RefusedJoin = Extract<ControlEvent, { event: "join-refuse" }>;

export class RefusedJoins {
  #count = 0;
  readonly #reasons = new Map<string, number>();
  readonly #hosts = new Map<string, RefusedHost>();

  note({ agent, ip, code: reason }: RefusedJoin): void {
    const host = agent ?? null;
    this.#count += 1;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    if (this.#hosts.size < MOST_NAMED) {
      this.#hosts.set(`${host} ${ip} ${reason}`, { host, ip, reason });
    }
  }

  /** What was noted since the last time; nothing if nothing was. */
  take(): NoticeNews[] {
    if (this.#count === 0) return [];
    const reasons = [...this.#reasons]
      .map(([reason, count]) => ({ reason, count }))
      .toSorted((a, b) => b.count - a.count);
    const hosts = [...this.#hosts.values()];
    const news = { kind: "join-refused", count: this.#count, reasons, hosts } as const;
    this.#count = 0;
    this.#reasons.clear();
    this.#hosts.clear();
    return [news];
  }
}
