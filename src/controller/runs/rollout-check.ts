/** The check after a batch of a rollout: a run of its own, with its own id. */
import { newRequestId } from "../../core/request-id.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { type JudgedCheck, judgeCheck } from "./check-judgement.ts";
import type { RolloutHalt } from "./rollout-halt.ts";
import type { RolloutParts } from "./rollout-parts.ts";
import type { RunReport, RunUnderWay } from "./run.ts";

export interface Checked {
  readonly script: string;
  /** The id of its run; if it was asked again on some hosts, the id of the run in which it failed. */
  readonly check: string;
  /** The hosts on which it failed. */
  readonly failed: readonly string[];
}

type Judged = Checked & JudgedCheck;

export class RolloutCheck {
  readonly #parts: Pick<RolloutParts, "check" | "endCheck" | "record">;
  readonly #halt: RolloutHalt;
  readonly #ask: (run: RunUnderWay) => Promise<RunReport>;
  /** The one that is under way. */
  #checking: string | undefined;
  #givenUp: string | undefined;
  #isUntold = false;

  /** @param ask waits for a run, unless the rollout is given up in the meantime */
  constructor(
    parts: Pick<RolloutParts, "check" | "endCheck" | "record">,
    halt: RolloutHalt,
    ask: (run: RunUnderWay) => Promise<RunReport>,
  ) {
    this.#parts = parts;
    this.#halt = halt;
    this.#ask = ask;
  }

  /** The run of one that is not waited for any more, and that nobody has ended. */
  get givenUp(): string | undefined {
    return this.#givenUp;
  }

  /** The record has one whose end is not known here. */
  get isUntold(): boolean {
    return this.#isUntold;
  }

  /** Somebody has cancelled the rollout. */
  end(by: string): void {
    if (this.#checking !== undefined) void this.#parts.endCheck(this.#checking, by);
    this.#checking = undefined;
  }

  /**
   * Undefined if there is none, or if the rollout stops, or is taken over by another process, before the check has
   * ended.
   *
   * @param known its run, if an earlier process may have begun it
   */
  async run(
    hosts: readonly ResolvedTarget[],
    known: string | undefined,
  ): Promise<Judged | undefined> {
    if (this.#parts.check === undefined || hosts.length === 0) return undefined;
    let own = known ?? newRequestId();
    let results = await this.#runOn(hosts, own);
    const neverRan = ({ label }: ResolvedTarget) =>
      results?.some(({ host, state }) => host === label && state === "never-ran");
    const unasked = known === undefined ? [] : hosts.filter(neverRan);
    if (results !== undefined && unasked.length > 0) {
      // An earlier process may have ended before it asked them. The agents take each id once.
      own = newRequestId();
      const asked = new Set(unasked.map(({ label }) => label));
      const again = await this.#runOn(unasked, own);
      results = again && [...results.filter(({ host }) => !asked.has(host)), ...again];
    }
    if (results === undefined) return undefined;
    this.#isUntold = false;
    const failed = results.find(runFailed);
    const { script = "", reqid = own } = failed ?? { script: results[0]?.script };
    return { script, check: reqid, ...judgeCheck(results) };
  }

  async #runOn(
    hosts: readonly ResolvedTarget[],
    own: string,
  ): Promise<readonly RunResult[] | undefined> {
    const { check: begin, record } = this.#parts;
    if (begin === undefined) return undefined;
    this.#isUntold = true;
    // Whoever cancels the rollout also ends its check, and another process goes on with it.
    if ((await record.step({ checking: own })) === "taken-over") this.#halt.leave();
    await this.#halt.look();
    if (this.#halt.why !== undefined) return undefined;
    const check = await begin(hosts, own);
    this.#checking = own;
    const asking = this.#ask(check);
    await this.#halt.look();
    const { results, givenUp } = await asking;
    // Nobody knows yet how it ends there, nor that it fails.
    if (givenUp) this.#givenUp = this.#checking;
    this.#checking = undefined;
    // Some are not waited for when it was cancelled.
    const isOver = !givenUp && !this.#halt.isLeft && results.length === hosts.length;
    return isOver ? results : undefined;
  }
}
