/**
 * The rollouts that nobody waits for. ctrl-exec-api carries them out, including those of the command line, and goes
 * on with them after a restart.
 */
import { asCtrlExecError, CtrlExecError, inOneLine } from "../../core/errors.ts";
import { longerPause, pause } from "../../system/deadline.ts";
import { isDenied } from "../../system/files/files.ts";
import type { Caller } from "../access/authorize.ts";
import { type Controller, openReplies } from "../control-host.ts";
import {
  type AcceptedRollout,
  acceptRollout,
  keepOrder,
  type NewRollout,
} from "./accept-rollout.ts";
import type { Rollout } from "./rollout.ts";
import { carryOut } from "./start-rollout.ts";
import { takeUp } from "./take-up.ts";

/** More are refused, because each holds its record in memory and uses some files. */
const MOST_DETACHED = 256;

/** How often a process that is not the taker checks whether it may become it. */
const LOOK_MS = 1000;

/** How often the taker looks for what another process has left: no lock says when that process ends. */
const LOOK_AGAIN_MS = 10_000;

const ANOTHER_TAKES =
  "Cannot take detached rollouts: another ctrl-exec-api with this state_dir takes them. This one will take them when that one has ended";

const STOPPED = "ctrl-exec-api was stopped";

/** Between two attempts to go on with rollouts for which there was no room. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 300_000;
const PASSING: ReadonlySet<string> = new Set(["storage", "unrecorded", "busy"]);

export class DetachedRollouts {
  readonly #current: () => Controller;
  readonly #most: number;
  readonly #lookAgainMs: number;
  /** Nobody can go on with these now, or they are tried again in another way. */
  readonly #setAside = new Set<string>();
  readonly #running = new Set<Rollout>();
  #coming = 0;
  #offers: AsyncDisposable | undefined;
  readonly #leaving = new AbortController();

  /**
   * @param current the controller as it is now: its configuration may be read again
   * @param most further ones are refused
   */
  constructor(
    current: () => Controller,
    most = MOST_DETACHED,
    lookAgainMs: number = LOOK_AGAIN_MS,
  ) {
    this.#current = current;
    this.#most = most;
    this.#lookAgainMs = lookAgainMs;
  }

  /**
   * Goes on with what an earlier process has left, and takes what is handed over, as soon as no other process does.
   * Never rejects.
   */
  async start(): Promise<void> {
    if (await this.#takeRole()) return;
    this.#current().log({ event: "rollout-fail", error: ANOTHER_TAKES, reqid: "" });
    void this.#startLater();
  }

  async #startLater(): Promise<void> {
    do await pause(LOOK_MS, this.#leaving.signal);
    while (!(await this.#takeRole()));
  }

  /** Resolves with whether it need not be tried again: no other process is the taker. Never rejects. */
  async #takeRole(): Promise<boolean> {
    const { log, store } = this.#current();
    try {
      if (this.#leaving.signal.aborted) return true;
      const offers = await store.rollouts.takeOffers((reqid, token) => this.#take(reqid, token));
      if (offers === undefined) return false;
      this.#offers = offers;
      if (this.#leaving.signal.aborted) await offers[Symbol.asyncDispose]();
      const left = await this.#goOnAll(await store.rollouts.detached());
      void this.#goOnLater(left);
      void this.#lookAgain();
    } catch (thrown) {
      log({ event: "rollout-fail", error: inOneLine(asCtrlExecError(thrown)), reqid: "" });
    }
    return true;
  }

  /**
   * Begins a rollout, or resumes one that has stopped, and resolves when it is accepted.
   *
   * @throws CtrlExecError as startRollout(), and `busy` if there are too many; callers whom the hook refuses do not
   * learn that (T67)
   */
  async begin(caller: Caller, order: NewRollout): Promise<Rollout> {
    this.#mustStay();
    const needed = Promise.withResolvers<void>();
    let place: Disposable | undefined;
    const admit = () => {
      place = this.#enter();
    };
    try {
      const acceptance = { needed: needed.promise, admit };
      const controller = this.#current();
      const accepted = await acceptRollout(controller, caller, order, acceptance);
      await keepOrder(controller, caller, accepted);
      return this.#carryOut(caller, accepted, needed.resolve);
    } catch (thrown) {
      needed.resolve();
      throw thrown;
    } finally {
      place?.[Symbol.dispose]();
    }
  }

  /** What is under way goes on when another process takes it; nothing new is begun. Never rejects. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.#offers?.[Symbol.asyncDispose]();
    await Promise.all([...this.#running].map((rollout) => rollout.leave(STOPPED)));
  }

  async #take(reqid: string, token: string): Promise<void> {
    using _place = this.#enter();
    if (await this.#goOn(reqid, token)) return;
    throw new CtrlExecError("busy", `Cannot take rollout ${reqid}: there is nothing to go on with`);
  }

  /** Tries again those for which there was no room, at growing intervals. Never rejects. */
  async #goOnLater(reqids: readonly string[]): Promise<void> {
    const { signal } = this.#leaving;
    let left = reqids;
    for (let ms = FIRST_PAUSE_MS; left.length > 0; ms = longerPause(ms, LONGEST_PAUSE_MS)) {
      await pause(ms, signal);
      if (signal.aborted) return;
      left = await this.#goOnAll(left);
    }
  }

  /** An API that was stopped may end later, or one that is not the taker has begun a rollout. Never rejects. */
  async #lookAgain(): Promise<void> {
    const { signal } = this.#leaving;
    for (;;) {
      await pause(this.#lookAgainMs, signal);
      if (signal.aborted) return;
      const here = new Set([...this.#running].map(({ reqid }) => reqid));
      const { rollouts } = this.#current().store;
      const left = new Set(await rollouts.detached().catch(() => []));
      for (const reqid of this.#setAside) if (!left.has(reqid)) this.#setAside.delete(reqid);
      const others = [...left].filter((reqid) => !here.has(reqid) && !this.#setAside.has(reqid));
      void this.#goOnLater(await this.#goOnAll(others));
    }
  }

  /** Resolves with those for which there was no room. Never rejects. */
  async #goOnAll(reqids: readonly string[]): Promise<readonly string[]> {
    const later: string[] = [];
    for (const reqid of reqids) {
      if (this.#leaving.signal.aborted) break;
      await this.#goOn(reqid, undefined).catch((thrown) => {
        this.#setAside.add(reqid);
        const error = asCtrlExecError(thrown);
        if (PASSING.has(error.code) || isDenied(thrown)) later.push(reqid);
        this.#current().log({ event: "rollout-fail", error: inOneLine(error), reqid });
      });
    }
    return later;
  }

  /** Resolves with whether it goes on. */
  async #goOn(reqid: string, token: string | undefined): Promise<boolean> {
    const controller = this.#current();
    const account = openReplies(controller);
    try {
      const taken = await takeUp(controller, reqid, token, account);
      if (typeof taken === "string") {
        account.close();
        if (taken === "nothing-to-do") this.#setAside.add(reqid);
        return false;
      }
      this.#setAside.delete(reqid);
      this.#carryOut(taken.caller, taken.accepted, () => account.close());
      controller.log({ event: "rollout-take", reqid, user: taken.caller.username });
      return true;
    } catch (thrown) {
      account.close();
      throw thrown;
    }
  }

  /** @param over called when the rollout has ended and what was read for it is no longer needed */
  #carryOut(caller: Caller, accepted: AcceptedRollout, over: () => void): Rollout {
    const audience = {
      // What the hosts print goes into the record as it comes, and no script is too slow.
      watch: () => ({ onEvent: ignore }),
      onNews: ignore,
      onResult: ignore,
    };
    const rollout = carryOut(this.#current, caller, accepted, audience);
    this.#running.add(rollout);
    void rollout.finished
      .catch((thrown) => {
        const error = inOneLine(asCtrlExecError(thrown));
        this.#current().log({ event: "rollout-fail", error, reqid: rollout.reqid });
      })
      .finally(() => {
        this.#running.delete(rollout);
        over();
      });
    return rollout;
  }

  #mustStay(): void {
    if (!this.#leaving.signal.aborted) return;
    throw new CtrlExecError("busy", "Cannot begin: the service is stopping");
  }

  /** @returns the slot of a rollout that is being accepted, until it is under way */
  #enter(): Disposable {
    this.#mustStay();
    if (this.#running.size + this.#coming >= this.#most) {
      throw new CtrlExecError(
        "busy",
        `Cannot detach the rollout: ${this.#most} are under way, which is the limit`,
        {
          hint: "list-runs shows them. Try again when one has ended.",
          remoteHint: "GET /runs shows them. Try again when one has ended.",
        },
      );
    }
    this.#coming += 1;
    return {
      [Symbol.dispose]: () => {
        this.#coming -= 1;
      },
    };
  }
}

function ignore(): void {}
