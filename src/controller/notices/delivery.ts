/**
 * Sends waiting notices to their receivers: each receiver has its own turn, so that a slow one delays no other. A
 * notice is removed when it was taken or its deadline has passed; if a process is killed in between, the notice is
 * sent again, under the same id.
 */
import { messageOf } from "../../core/errors.ts";
import { Deadline, longerPause } from "../../system/deadline.ts";
import type { HostContext } from "../store/host.ts";
import type { WaitingNotice } from "../store/ports/notices.ts";
import { LONGEST_DEADLINE_SECONDS, type Receiver } from "./receiver-file.ts";
import { readReceivers } from "./receivers.ts";
import { send } from "./send.ts";

/** Between two checks of the spool: if it is empty, a check is one system call. */
const LOOK_MS = 500;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 300_000;

/** How long a command may take for it: the rest waits for the next one. */
const MAINTAIN_MS = 60_000;

/** What is known about a receiver that has not taken a notice. */
interface Trouble {
  readonly error: string;
  readonly pauseMs: number;
  /** On the clock of performance.now(). */
  readonly until: number;
}

export interface Delivering {
  /** Attempts at addresses are broken off: those notices wait for the next process. */
  stop(): Promise<void>;
}

/** Hands out what comes, for as long as this process may: in the API. */
export function startDelivery(host: HostContext): Delivering {
  const delivery = new Delivery(host);
  let own: AsyncDisposable | undefined;
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    own ??= await host.store.notices.ownDelivery().catch(() => undefined);
    if (own !== undefined) await delivery.begin();
    isLooking = false;
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  void look();
  return {
    async stop() {
      clearInterval(timer);
      delivery.stop();
      await own?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * On a host without an API: what waits now, each receiver's until it does not take one. @returns how many were
 * accepted
 */
export async function deliverWaiting(host: HostContext): Promise<number> {
  if ((await host.store.notices.waiting()).length === 0) return 0;
  await using own = await host.store.notices.ownDelivery();
  if (own === undefined) return 0;
  const delivery = new Delivery(host);
  using _enough = new Deadline(MAINTAIN_MS, () => delivery.stop());
  await delivery.begin();
  await delivery.idle();
  return delivery.taken;
}

export class Delivery {
  /** How many notices were taken. */
  taken = 0;
  readonly #host: HostContext;
  readonly #stopped = new AbortController();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #troubles = new Map<string, Trouble>();
  /**
   * Failed attempts, by notice and receiver: a notice that its receiver never takes must not keep the others
   * waiting.
   */
  readonly #attempts = new Map<string, number>();

  readonly #firstPauseMs: number;

  /** @param firstPauseMs how long a receiver that has not taken a notice is left alone; longer each time */
  constructor(host: HostContext, firstPauseMs = FIRST_PAUSE_MS) {
    this.#host = host;
    this.#firstPauseMs = firstPauseMs;
  }

  /** Begins a turn of each receiver for whom notices wait, unless it has one or is to be left alone for now. Never rejects. */
  async begin(): Promise<void> {
    const { store, config } = this.#host;
    try {
      const waiting = await store.notices.waiting();
      if (waiting.length === 0) this.#attempts.clear();
      const due = waiting.filter(({ receiver }) => this.#isDue(receiver));
      if (due.length === 0) return;
      const { receivers, mayBeThere } = await readReceivers(config);
      for (const [name, notices] of Map.groupBy(due, ({ receiver }) => receiver)) {
        const receiver = receivers.find((each) => each.name === name);
        if (receiver === undefined) await this.#withoutReceiver(name, notices, mayBeThere(name));
        else this.#giveTurn(receiver, await this.#dropOld(receiver, notices));
      }
      this.#troubles.delete("");
    } catch (thrown) {
      this.#trouble("", messageOf(thrown), FIRST_PAUSE_MS);
    }
  }

  /** Resolves when nobody has a turn. */
  async idle(): Promise<void> {
    await Promise.all(this.#busy.values());
  }

  stop(): void {
    this.#stopped.abort();
  }

  #isDue(receiver: string): boolean {
    const until = this.#troubles.get(receiver)?.until ?? 0;
    return !this.#busy.has(receiver) && performance.now() >= until;
  }

  #giveTurn(receiver: Receiver, notices: readonly WaitingNotice[]): void {
    if (notices.length === 0 || this.#stopped.signal.aborted) return;
    const turn = this.#turn(receiver, notices).finally(() => this.#busy.delete(receiver.name));
    this.#busy.set(receiver.name, turn);
  }

  /** @param mayBeThere its file cannot be used, and somebody may correct it */
  async #withoutReceiver(
    name: string,
    notices: readonly WaitingNotice[],
    mayBeThere: boolean,
  ): Promise<void> {
    const before = this.#host.now().getTime() - LONGEST_DEADLINE_SECONDS * 1000;
    const old = mayBeThere ? notices.filter(({ since }) => since.getTime() <= before) : notices;
    const reason = mayBeThere ? "its file of notify.d cannot be used" : "notify.d has no such file";
    await this.#drop(name, old, reason);
    if (mayBeThere) this.#trouble(name, reason, LONGEST_PAUSE_MS);
  }

  /** @returns those whose deadline has not passed */
  async #dropOld(
    { name, deadlineMs }: Receiver,
    notices: readonly WaitingNotice[],
  ): Promise<readonly WaitingNotice[]> {
    const before = this.#host.now().getTime() - deadlineMs;
    const old = notices.filter(({ since }) => since.getTime() <= before);
    const last = this.#troubles.get(name)?.error;
    await this.#drop(name, old, `its deadline is over${last === undefined ? "" : `: ${last}`}`);
    return notices.filter((notice) => !old.includes(notice));
  }

  async #drop(receiver: string, old: readonly WaitingNotice[], reason: string): Promise<void> {
    if (old.length === 0) return;
    const { store, log } = this.#host;
    for (const notice of old) {
      await store.notices.remove(notice);
      this.#attempts.delete(keyOf(notice));
    }
    log({ event: "notice-drop", count: old.length, reason, receiver });
  }

  /** One after the other, until one is not taken. Never rejects. */
  async #turn(receiver: Receiver, notices: readonly WaitingNotice[]): Promise<void> {
    const order = notices.toSorted((a, b) => this.#attemptsOf(a) - this.#attemptsOf(b));
    for (const notice of order) {
      if (this.#stopped.signal.aborted) return;
      try {
        await this.#handOut(receiver, notice);
        this.#troubles.delete(receiver.name);
      } catch (thrown) {
        if (this.#stopped.signal.aborted) return;
        this.#attempts.set(keyOf(notice), this.#attemptsOf(notice) + 1);
        this.#trouble(receiver.name, messageOf(thrown), this.#untilOver(receiver, notices), notice);
        return;
      }
    }
  }

  async #handOut(receiver: Receiver, notice: WaitingNotice): Promise<void> {
    const { store, now, log } = this.#host;
    const { id, kind } = notice;
    const body = await store.notices.body(notice);
    if (body === undefined) {
      await store.notices.remove(notice);
      const reason = "it is damaged, or somebody has removed it";
      log({ event: "notice-drop", count: 1, reason, receiver: receiver.name });
      return;
    }
    await send(receiver, { id, body, now: now(), signal: this.#stopped.signal });
    await store.notices.remove(notice);
    this.taken += 1;
    this.#attempts.delete(keyOf(notice));
    log({ event: "notice", kind, notice: id, receiver: receiver.name });
  }

  /** Milliseconds until the first of them is given up, which then is not put off. */
  #untilOver({ deadlineMs }: Receiver, notices: readonly WaitingNotice[]): number {
    const first = Math.min(...notices.map(({ since }) => since.getTime()));
    return Math.max(FIRST_PAUSE_MS, first + deadlineMs - this.#host.now().getTime());
  }

  /** @param longestMs it is not left alone for longer */
  #trouble(receiver: string, error: string, longestMs: number, notice?: WaitingNotice): void {
    const before = this.#troubles.get(receiver);
    const pauseMs =
      before === undefined ? this.#firstPauseMs : longerPause(before.pauseMs, LONGEST_PAUSE_MS);
    const until = performance.now() + Math.min(pauseMs, longestMs);
    this.#troubles.set(receiver, { error, pauseMs, until });
    if (before?.error === error) return;
    const what = notice === undefined ? {} : { kind: notice.kind, notice: notice.id };
    this.#host.log({ event: "notice-fail", error, receiver, ...what });
  }

  #attemptsOf(notice: WaitingNotice): number {
    return this.#attempts.get(keyOf(notice)) ?? 0;
  }
}

function keyOf({ id, receiver }: WaitingNotice): string {
  return `${id} ${receiver}`;
}
