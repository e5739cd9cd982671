/**
 * Rollouts under way, as files in one folder that is accessible only to its user: `<reqid>.lock`, which the kernel
 * releases when its process dies; what others have asked for: `<reqid>.pause`, `<reqid>.continue`,
 * `<reqid>.cancel`, and for hosts that are left out `<reqid>.without`; for a detached rollout what is needed to go on with it: `<reqid>.order`, which is `<reqid>.offer` until it has been taken, and is
 * locked by the process that offers it; and the socket `taker`, through which those are handed over to the one
 * process that holds `taker.lock`.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { isRequestId } from "../../core/request-id.ts";
import {
  ensureFolder,
  isDenied,
  listFiles,
  moveOver,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import { isHeld, lockIfPresent, lockSoon, takeLock } from "../../system/files/lock.ts";
import { listenLocally } from "../../system/process/local-socket.ts";
import type { StoreContext } from "./host.ts";
import { countUnusedLocks, dropUnusedLocks } from "./lock-files.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type {
  LeftOut,
  OwnedRollout,
  RolloutOrder,
  RolloutStore,
  RolloutWish,
  RolloutWishes,
} from "./ports/rollouts.ts";
import { recordFile } from "./record-file.ts";
import { readOrder, rolloutOrder } from "./rollout-order.ts";
import {
  askTaker,
  NOT_TAKEN,
  type OfferAnswer,
  offerQuestion,
  takerSocket,
} from "./rollout-taker.ts";

const OWN_ALONE = 0o600;
/** The offer first: a taker that comes in between turns it into the order, which is then removed. */
const LEFT_OVER = ["offer", "pause", "continue", "cancel", "without", "order"] as const;
const PAUSED = /^([0-9a-f]{16})\.pause$/;
const OFFERED = /^([0-9a-f]{16})\.offer$/;
const LEFT = /^([0-9a-f]{16})\.(?:offer|pause|continue|cancel|without|order)$/;
const LOCK = /^([0-9a-f]{16})\.lock$/;
const ORDERED = /^([0-9a-f]{16})\.order$/;

/** How often the owner checks what others have asked for: a check is two system calls. */
const LOOK_EVERY_MS = 200;

const storedWish = z.object({ by: z.string(), since: z.string() });
const storedLeftOut = z.record(z.string(), storedWish);

/** Another who leaves hosts out takes as long as writing one file does. */
const WAIT_MS = 10_000;

export class FileRollouts implements RolloutStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async own(reqid: string): Promise<OwnedRollout | undefined> {
    const file = this.#file(reqid, "lock");
    ensureFolder(this.#folder, 0o700);
    const lock = await lockSoon(file);
    if (lock === undefined) return undefined;
    const before = { ...this.#wishes(reqid), without: this.#without(reqid) };
    return {
      wishes: async () => this.#wishes(reqid),
      leftOut: async () => this.leftOut(reqid),
      hearWishes: (onLook) => this.#look(reqid, onLook),
      keep: async (order) => this.#keep(reqid, "order", order),
      keepToOffer: async (order) => this.#keep(reqid, "offer", order),
      order: async () => readOrder(this.#file(reqid, "order")),
      renew: async () => this.#renew(reqid, before),
      end: async () => {
        for (const what of [...LEFT_OVER, "lock"]) this.#remove(reqid, what);
        lock.release();
      },
      leave: async () => lock.release(),
    };
  }

  /** @param before what others had asked for when this process took the rollout: what they ask for since then counts */
  #renew(reqid: string, before: RolloutWishes & { readonly without: string | undefined }): void {
    const now = this.#wishes(reqid);
    const isNew = (what: string) =>
      what === "without"
        ? before.without !== this.#without(reqid)
        : (what === "pause" || what === "cancel") && !isSameWish(before[what], now[what]);
    for (const what of LEFT_OVER) {
      if (!isNew(what)) removeIfPresent(this.#file(reqid, what));
    }
  }

  async isOwned(reqid: string): Promise<boolean> {
    return isHeld(this.#file(reqid, "lock"));
  }

  /** Those that a process carries out. */
  owned(): readonly string[] {
    const locks = listFiles(this.#folder).flatMap((name) => LOCK.exec(name)?.[1] ?? []);
    return locks.filter((reqid) => isHeld(this.#file(reqid, "lock")));
  }

  async wishes(reqid: string): Promise<RolloutWishes> {
    return this.#wishes(reqid);
  }

  async wish(reqid: string, what: "pause" | "cancel", wish: RolloutWish): Promise<void> {
    ensureFolder(this.#folder, 0o700);
    this.#write(reqid, what, wish);
  }

  async leaveOut(reqid: string, hosts: readonly string[], wish: RolloutWish): Promise<void> {
    ensureFolder(this.#folder, 0o700);
    using _lock = await takeLock(lockPath(this.#context.config, "run-records"), WAIT_MS);
    const { by, since } = wish;
    const now = new Map(hosts.map((host) => [host, { by, since }]));
    const all = Object.fromEntries([...now, ...(await this.leftOut(reqid))]);
    writeWhole(this.#file(reqid, "without"), `${JSON.stringify(all)}\n`, OWN_ALONE);
  }

  async leftOut(reqid: string): Promise<LeftOut> {
    const found = readJsonAs(storedLeftOut, this.#without(reqid) ?? "{}");
    return new Map(Object.entries(found ?? {}));
  }

  #without(reqid: string): string | undefined {
    const file = this.#file(reqid, "without");
    try {
      return readTextIfPresent(file);
    } catch (thrown) {
      // A user who may not enter the folder cannot know what is in it.
      if (mayLook(file)) throw thrown;
      return undefined;
    }
  }

  /** Of two who continue it at the same time one has done so. Whoever sees that it is not paused also sees by whom. */
  async endPause(reqid: string, hand: RolloutWish): Promise<boolean> {
    const file = this.#file(reqid, "pause");
    using ending = lockIfPresent(file);
    if (ending === undefined) return false;
    this.#write(reqid, "continue", hand);
    return removeIfPresent(file);
  }

  #write(reqid: string, what: string, { by, since }: RolloutWish): void {
    writeWhole(this.#file(reqid, what), `${JSON.stringify({ by, since })}\n`, OWN_ALONE);
  }

  async detached(): Promise<readonly string[]> {
    return listFiles(this.#folder).flatMap((name) => ORDERED.exec(name)?.[1] ?? []);
  }

  async forToken(): Promise<ReadonlySet<string>> {
    const waits = (reqid: string) => {
      return !isHeld(this.#file(reqid, "lock")) && this.#hasToken(reqid);
    };
    return new Set((await this.detached()).filter(waits));
  }

  #hasToken(reqid: string): boolean {
    try {
      return readOrder(this.#file(reqid, "order"))?.hasToken === true;
    } catch {
      // Nobody goes on with it.
      return false;
    }
  }

  async offer(reqid: string, token: string): Promise<void> {
    using _offering = lockIfPresent(this.#file(reqid, "offer"));
    const told = await askTaker(this.#folder, { reqid, token });
    if (told.ok) return;
    const { error = NOT_TAKEN, hint } = told;
    throw new CtrlExecError("unreachable", error, hint === undefined ? {} : { hint });
  }

  async isTaker(): Promise<boolean> {
    try {
      await askTaker(this.#folder, {});
      return true;
    } catch (thrown) {
      // A process that may not ask does not know.
      if (isDenied(thrown)) throw thrown;
      return false;
    }
  }

  async takeOffers(
    take: (reqid: string, token: string) => Promise<void>,
  ): Promise<AsyncDisposable | undefined> {
    ensureFolder(this.#folder, 0o700);
    // A process that only checks must not make it wait for a second: a rollout that comes in that time would be
    // refused.
    const lock = await lockSoon(`${takerSocket(this.#folder)}.lock`, 20);
    if (lock === undefined) return undefined;
    try {
      await this.#dropOffers();
      const listener = listenLocally(takerSocket(this.#folder), async (line) => {
        const answer = await this.#answerOffer(line, take);
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

  async #answerOffer(
    line: string,
    take: (reqid: string, token: string) => Promise<void>,
  ): Promise<OfferAnswer> {
    const { reqid, token = "" } = readJsonAs(offerQuestion, line) ?? {};
    // A connection without a question only asks whether somebody is there.
    if (reqid === undefined) return { ok: true };
    try {
      const offered = this.#file(reqid, "offer");
      // The process that offered it may have been killed, and does not know.
      if (isHeld(offered)) moveOver(offered, this.#file(reqid, "order"));
      await take(reqid, token);
      return { ok: true };
    } catch (thrown) {
      // It is not taken: if the process that offers it is killed now, nobody goes on with it.
      await this.own(reqid).then(
        (owned) => owned?.end(),
        () => undefined,
      );
      const { message, hint } = asCtrlExecError(thrown);
      return { ok: false, error: message, ...(hint === undefined ? {} : { hint }) };
    }
  }

  /** An offer that nobody has taken, and that is no longer offered, is not carried out. */
  async #dropOffers(): Promise<void> {
    for (const name of listFiles(this.#folder)) {
      const reqid = OFFERED.exec(name)?.[1];
      if (reqid === undefined || isHeld(join(this.#folder, name))) continue;
      await (await this.own(reqid))?.end();
    }
  }

  async countUnused(since: Date): Promise<number> {
    return countUnusedLocks(this.#folder, since);
  }

  async dropUnused(): Promise<number> {
    const dropped = dropUnusedLocks(this.#folder, this.#context.now());
    for (const name of listFiles(this.#folder)) {
      const reqid = LEFT.exec(name)?.[1];
      if (reqid !== undefined) await this.#dropUnrecorded(reqid);
    }
    return dropped;
  }

  /** Its record was kept for long enough: with it, everything is removed that nobody can go on with any more. */
  async #dropUnrecorded(reqid: string): Promise<void> {
    if (existsSync(recordFile(this.#context.config, reqid))) return;
    await (await this.own(reqid))?.end();
  }

  async paused(): Promise<ReadonlyMap<string, RolloutWish>> {
    const reqids = listFiles(this.#folder).flatMap((name) => PAUSED.exec(name)?.[1] ?? []);
    const found = reqids.map((reqid) => [reqid, this.#read(reqid, "pause")] as const);
    return new Map(found.flatMap(([reqid, wish]) => (wish ? [[reqid, wish] as const] : [])));
  }

  /** By polling: a watch takes an inotify instance, and other programs may have used them all up (T65). */
  #look(reqid: string, onLook: (wishes: RolloutWishes) => void): () => void {
    const timer = setInterval(() => onLook(this.#wishes(reqid)), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }

  #wishes(reqid: string): RolloutWishes {
    // In this order: see endPause().
    const pause = this.#read(reqid, "pause");
    return { pause, cancel: this.#read(reqid, "cancel"), continued: this.#continued(reqid) };
  }

  #continued(reqid: string): RolloutWish | undefined {
    const hand = this.#read(reqid, "continue");
    return hand === UNREADABLE ? undefined : hand;
  }

  /** One that cannot be read counts all the same: somebody asked for it. */
  #read(reqid: string, what: "pause" | "continue" | "cancel"): RolloutWish | undefined {
    try {
      const text = readTextIfPresent(this.#file(reqid, what));
      return text === undefined ? undefined : (readJsonAs(storedWish, text) ?? UNREADABLE);
    } catch {
      return mayLook(this.#file(reqid, what)) ? UNREADABLE : undefined;
    }
  }

  #keep(reqid: string, what: "order" | "offer", order: RolloutOrder): void {
    const json = JSON.stringify(rolloutOrder.parse(order));
    writeWhole(this.#file(reqid, what), `${json}\n`, OWN_ALONE);
  }

  #remove(reqid: string, what: string): void {
    try {
      removeIfPresent(this.#file(reqid, what));
    } catch {
      // It belongs to nobody now, and the next process to go on with it finds it.
    }
  }

  get #folder(): string {
    return paths(this.#context.config).rollouts;
  }

  /** A request id is checked before it is part of a path (T17). */
  #file(reqid: string, what: string): string {
    if (isRequestId(reqid)) return join(this.#folder, `${reqid}.${what}`);
    throw new CtrlExecError("bad-request", `Cannot use "${reqid}": not a request id`);
  }
}

const UNREADABLE: RolloutWish = { by: "", since: "" };

function isSameWish(one: RolloutWish | undefined, other: RolloutWish | undefined): boolean {
  return one?.by === other?.by && one?.since === other?.since;
}

/** A user who may not enter the folder cannot know what is in it. */
function mayLook(file: string): boolean {
  try {
    statSync(file, { throwIfNoEntry: false });
    return true;
  } catch (thrown) {
    return !isDenied(thrown);
  }
}
