/**
 * What comes before a batch of a rollout: the pause, the answers of a person and of the hook, and the record that it
 * begins.
 */
import { isoSeconds } from "../../core/time.ts";
import type { RolloutMessage } from "../../core/wire/run-messages.ts";
import { pause } from "../../system/deadline.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { RolloutHalt } from "./rollout-halt.ts";
import type { BatchNews } from "./rollout-news.ts";
import type { RolloutParts } from "./rollout-parts.ts";

type Parts = Pick<RolloutParts, "batches" | "confirm" | "pause" | "authorize" | "record">;

/** What is over when a batch begins. */
const NO_MORE = { checking: undefined, next_at: undefined } as const;

export class BatchStart {
  readonly #now: () => Date;
  readonly #parts: Parts;
  readonly #halt: RolloutHalt;
  readonly #tell: (message: RolloutMessage) => void;

  constructor(
    now: () => Date,
    parts: Parts,
    halt: RolloutHalt,
    tell: (message: RolloutMessage) => void,
  ) {
    this.#now = now;
    this.#parts = parts;
    this.#halt = halt;
    this.#tell = tell;
  }

  /** If there is a reason to stop then, nothing of the batch has begun. */
  async prepare(batch: readonly ResolvedTarget[], news: BatchNews): Promise<void> {
    const { batches, confirm, pause: seconds, authorize, record } = this.#parts;
    const { signal } = this.#halt;
    if (news.batch > 1 && seconds > 0) await this.#rest(seconds);
    await this.#whilePaused(news);
    if (news.batch > 1 && confirm !== undefined && this.#halt.why === undefined) {
      if ((await this.#halt.orStopped(confirm(news, signal))) !== true)
        this.#halt.stop("it was not confirmed");
      // Another person may have paused it while the question was open.
      await this.#whilePaused(news);
    }
    do {
      if (this.#halt.why !== undefined) return;
      await authorize(batch);
      // Or while the hook was deciding: what it agreed to may no longer hold after the pause.
    } while (await this.#whilePaused(news));
    if (this.#halt.why !== undefined) return;
    const waiting = batches.slice(news.batch).flatMap((each) => each.map(({ label }) => label));
    const { reqid: _, ...begins } = news;
    record.tell({ event: "batch", ...begins });
    // Before anything is sent: whatever ends this process, it is then known which hosts cannot have run it.
    const noted = await record.step({ waiting, begun: news.batch, ...NO_MORE });
    if (noted === "taken-over") return this.#halt.leave();
    if (noted === "not-noted") return this.#halt.stop("its record cannot be written");
    // Whoever cancels it first records the request and then reads the record: one of the two sees the other.
    await this.#halt.look();
  }

  /** Between two batches. */
  async #rest(seconds: number): Promise<void> {
    const end = new Date(this.#now().getTime() + seconds * 1000);
    const noted = await this.#parts.record.step({ next_at: isoSeconds(end) });
    if (noted === "taken-over") return this.#halt.leave();
    await pause(seconds * 1000, this.#halt.signal);
  }

  /** @returns whether it was paused and may go on */
  async #whilePaused({ batch, of }: BatchNews): Promise<boolean> {
    await this.#halt.look();
    const by = await this.#halt.whilePaused((wish) => {
      this.#tell({ event: "paused", batch, of, by: wish.by });
    });
    if (by !== undefined) this.#tell({ event: "continued", batch, of, by });
    return by !== undefined;
  }
}
