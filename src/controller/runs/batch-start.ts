/**
 * What comes before a batch of a rollout: the pause, the answers of a person and of the hook, and the record that it
 * begins.
 */
import type { RolloutMessage } from "../../core/wire/run-messages.ts";
import { pause } from "../../system/deadline.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { RolloutHalt } from "./rollout-halt.ts";
import type { BatchNews } from "./rollout-news.ts";
import type { RolloutParts } from "./rollout-parts.ts";

type Parts = Pick<RolloutParts, "batches" | "confirm" | "pause" | "authorize" | "record">;

export class BatchStart {
  readonly #parts: Parts;
  readonly #halt: RolloutHalt;
  readonly #tell: (message: RolloutMessage) => void;

  constructor(parts: Parts, halt: RolloutHalt, tell: (message: RolloutMessage) => void) {
    this.#parts = parts;
    this.#halt = halt;
    this.#tell = tell;
  }

  /** If there is a reason to stop then, nothing of the batch has begun. */
  async prepare(batch: readonly ResolvedTarget[], news: BatchNews): Promise<void> {
    const { batches, confirm, pause: seconds, authorize, record } = this.#parts;
    const { signal } = this.#halt;
    if (news.batch > 1) await pause(seconds * 1000, signal);
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
    const noted = await record.step({ waiting, begun: news.batch, checking: undefined });
    if (noted === "taken-over") return this.#halt.leave();
    if (noted === "not-noted") return this.#halt.stop("its record cannot be written");
    // Whoever cancels it first records the request and then reads the record: one of the two sees the other.
    await this.#halt.look();
  }

  /** @returns whether it was paused and may go on */
  async #whilePaused({ batch, of }: BatchNews): Promise<boolean> {
    await this.#halt.look();
    const isOver = await this.#halt.whilePaused(({ by }) => {
      this.#tell({ event: "paused", batch, of, by });
    });
    if (isOver) this.#tell({ event: "continued", batch, of });
    return isOver;
  }
}
