/**
 * The batch of a rollout that an earlier process has begun: what may still be sent to hosts for which no end is
 * recorded.
 */
import { asCtrlExecError, reasonOf } from "../../core/errors.ts";
import { leftOutError } from "../../core/left-out.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { noLongerRegistered } from "./registered-hosts.ts";
import type { MaySend, Rejoin } from "./rejoin.ts";
import type { RolloutHalt } from "./rollout-halt.ts";
import type { RolloutParts } from "./rollout-parts.ts";

const NOT_ASKED = {
  state: "unknown",
  error: "it is no longer registered, and is not asked: the script may have run",
} as const;

export class RejoinedBatch {
  readonly #parts: RolloutParts;
  readonly #halt: RolloutHalt;
  #refusal: string | undefined;

  constructor(parts: RolloutParts, halt: RolloutHalt) {
    this.#parts = parts;
    this.#halt = halt;
  }

  /** Why hosts of the batch were not sent the script. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /**
   * Nothing is sent to a host that was unpaired, so nobody can say whether an earlier process has sent the script.
   */
  async leaveOut(open: readonly ResolvedTarget[]): Promise<readonly RunResult[]> {
    const { body, unregistered } = this.#parts;
    // If this cannot be read, nothing is sent either: it is asked again before that.
    const gone = await unregistered(open).catch(() => []);
    if (gone.length > 0) this.#refusal = noLongerRegistered(gone);
    return gone.map(({ label }) => withoutResult(body, label, "", NOT_ASKED));
  }

  /**
   * The hook and the registry are asked again, once, about the hosts for which an earlier process has recorded no
   * end.
   */
  rejoin(open: readonly ResolvedTarget[]): Rejoin {
    const { before, authorize, owned } = this.#parts;
    let asked: Promise<void> | undefined;
    const maySend = async ({ label }: ResolvedTarget): Promise<MaySend> => {
      asked ??= authorize(open).catch((thrown) => {
        this.#refusal ??= reasonOf(asCtrlExecError(thrown));
      });
      await asked;
      await this.#halt.look();
      if (this.#halt.isLeft) return "leave";
      const refused = this.#refusal ?? this.#halt.why;
      if (refused !== undefined) return { refused };
      const by = (await owned.leftOut()).get(label)?.by;
      return by === undefined ? "send" : { refused: leftOutError(by), cancelled_by: by };
    };
    return { begun: before?.started ?? new Date(0), maySend, signal: this.#halt.signal };
  }
}
