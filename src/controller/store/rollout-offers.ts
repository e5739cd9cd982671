/**
 * Detached rollouts that are handed over to the one process that takes them, which holds `taker.lock`. Until one has
 * been taken its order is `<reqid>.offer`, and is locked by the process that offers it.
 */
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { isDenied, moveOver } from "../../system/files/files.ts";
import { isHeld, lockIfPresent, lockSoon } from "../../system/files/lock.ts";
import { listenLocally } from "../../system/process/local-socket.ts";
import type { StoreContext } from "./host.ts";
import { RolloutFolder } from "./rollout-folder.ts";
import {
  askTaker,
  NOT_TAKEN,
  type OfferAnswer,
  offerQuestion,
  takerSocket,
} from "./rollout-taker.ts";

/** Goes on with one; it throws if it does not. */
type Take = (reqid: string, token: string) => Promise<void>;

export class RolloutOffers {
  readonly #folder: RolloutFolder;
  readonly #end: (reqid: string) => Promise<void>;

  /** @param end removes what there is of a rollout, unless a process carries it out */
  constructor(context: StoreContext, end: (reqid: string) => Promise<void>) {
    this.#folder = new RolloutFolder(context);
    this.#end = end;
  }

  async offer(reqid: string, token: string): Promise<void> {
    using _offering = lockIfPresent(this.#folder.file(reqid, "offer"));
    const told = await askTaker(this.#folder.path, { reqid, token });
    if (told.ok) return;
    const { error = NOT_TAKEN, hint } = told;
    throw new CtrlExecError("unreachable", error, hint === undefined ? {} : { hint });
  }

  async isTaker(): Promise<boolean> {
    try {
      await askTaker(this.#folder.path, {});
      return true;
    } catch (thrown) {
      // A process that may not ask does not know.
      if (isDenied(thrown)) throw thrown;
      return false;
    }
  }

  async take(take: Take): Promise<AsyncDisposable | undefined> {
    this.#folder.ensure();
    const socket = takerSocket(this.#folder.path);
    // A process that only checks must not make it wait for a second: a rollout that comes in that time would be
    // refused.
    const lock = await lockSoon(`${socket}.lock`, 20);
    if (lock === undefined) return undefined;
    try {
      await this.#dropOffers();
      const listener = listenLocally(socket, async (line) => {
        const answer = await this.#answer(line, take);
        return `${JSON.stringify(answer)}\n`;
      });
      return {
        [Symbol.asyncDispose]: async () => {
          // It unlinks the socket, which is ours only as long as we hold the lock.
          listener.stop();
          lock.release();
        },
      };
    } catch (thrown) {
      lock.release();
      throw thrown;
    }
  }

  async #answer(line: string, take: Take): Promise<OfferAnswer> {
    const { reqid, token = "" } = readJsonAs(offerQuestion, line) ?? {};
    // A connection without a question only asks whether somebody is there.
    if (reqid === undefined) return { ok: true };
    try {
      const offered = this.#folder.file(reqid, "offer");
      // The process that offered it may have been killed, and does not know.
      if (isHeld(offered)) moveOver(offered, this.#folder.file(reqid, "order"));
      await take(reqid, token);
      return { ok: true };
    } catch (thrown) {
      // It is not taken: if the process that offers it is killed now, nobody goes on with it.
      await this.#end(reqid).catch(() => undefined);
      const { message, hint } = asCtrlExecError(thrown);
      return { ok: false, error: message, ...(hint === undefined ? {} : { hint }) };
    }
  }

  /** An offer that nobody has taken, and that is no longer offered, is not carried out. */
  async #dropOffers(): Promise<void> {
    for (const reqid of this.#folder.withAny("offer")) {
      if (!isHeld(this.#folder.file(reqid, "offer"))) await this.#end(reqid);
    }
  }
}
