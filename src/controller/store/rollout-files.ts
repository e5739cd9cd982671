/**
 * Rollouts under way, as files in one folder: `<reqid>.lock`, which the kernel releases when its process dies; what
 * others have asked for; and for a detached rollout what is needed to go on with it: `<reqid>.order`.
 */
import { existsSync } from "node:fs";
import { removeIfPresent, writeWhole } from "../../system/files/files.ts";
import { isHeld, lockSoon } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { countUnusedLocks, dropUnusedLocks } from "./lock-files.ts";
import type {
  LeftOut,
  OwnedRollout,
  RolloutOrder,
  RolloutStore,
  RolloutWish,
  RolloutWishes,
} from "./ports/rollouts.ts";
import { recordFile } from "./record-file.ts";
import { LEFT_OVER, type LeftFile, OWN_ALONE, RolloutFolder } from "./rollout-folder.ts";
import { RolloutOffers } from "./rollout-offers.ts";
import { readOrder, rolloutOrder, waitsFor } from "./rollout-order.ts";
import { WishFiles } from "./rollout-wishes.ts";

export class FileRollouts implements RolloutStore {
  readonly #context: StoreContext;
  readonly #folder: RolloutFolder;
  readonly #wishes: WishFiles;
  readonly #offers: RolloutOffers;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#folder = new RolloutFolder(context);
    this.#wishes = new WishFiles(context);
    this.#offers = new RolloutOffers(context, (reqid) => this.#end(reqid));
  }

  async own(reqid: string): Promise<OwnedRollout | undefined> {
    const file = this.#folder.file(reqid, "lock");
    this.#folder.ensure();
    const lock = await lockSoon(file);
    if (lock === undefined) return undefined;
    const before = this.#wishes.state(reqid);
    return {
      wishes: async () => this.#wishes.wishes(reqid),
      leftOut: async () => this.#wishes.leftOut(reqid),
      hearWishes: (onLook) => this.#wishes.hear(reqid, onLook),
      keep: async (order) => this.#keep(reqid, "order", order),
      keepToOffer: async (order) => this.#keep(reqid, "offer", order),
      order: async () => readOrder(this.#folder.file(reqid, "order")),
      renew: async () => this.#renew(reqid, before),
      end: async () => {
        for (const what of [...LEFT_OVER, "lock"] as const) this.#remove(reqid, what);
        lock.release();
      },
      leave: async () => lock.release(),
    };
  }

  /** @param before what others had asked for when this process took the rollout: what they ask for since then counts */
  #renew(reqid: string, before: ReturnType<WishFiles["state"]>): void {
    const now = this.#wishes.state(reqid);
    for (const what of LEFT_OVER) {
      if (now[what] === before[what]) removeIfPresent(this.#folder.file(reqid, what));
    }
  }

  /** Unless a process carries it out. */
  async #end(reqid: string): Promise<void> {
    await (await this.own(reqid))?.end();
  }

  async isOwned(reqid: string): Promise<boolean> {
    return isHeld(this.#folder.file(reqid, "lock"));
  }

  /** Those that a process carries out. */
  owned(): readonly string[] {
    return this.#folder.withAny("lock").filter((reqid) => isHeld(this.#folder.file(reqid, "lock")));
  }

  async wishes(reqid: string): Promise<RolloutWishes> {
    return this.#wishes.wishes(reqid);
  }

  async wish(reqid: string, what: "pause" | "cancel", wish: RolloutWish): Promise<void> {
    this.#wishes.wish(reqid, what, wish);
  }

  async leaveOut(reqid: string, hosts: readonly string[], wish: RolloutWish): Promise<void> {
    await this.#wishes.leaveOut(reqid, hosts, wish);
  }

  async leftOut(reqid: string): Promise<LeftOut> {
    return this.#wishes.leftOut(reqid);
  }

  async endPause(reqid: string, hand: RolloutWish): Promise<boolean> {
    return this.#wishes.endPause(reqid, hand);
  }

  async paused(): Promise<ReadonlyMap<string, RolloutWish>> {
    return this.#wishes.paused();
  }

  async detached(): Promise<readonly string[]> {
    return this.#folder.withAny("order");
  }

  async forToken(): Promise<ReadonlySet<string>> {
    const waits = (reqid: string) => {
      return (
        !isHeld(this.#folder.file(reqid, "lock")) &&
        waitsFor(this.#context, reqid) === "for its token"
      );
    };
    return new Set((await this.detached()).filter(waits));
  }

  async offer(reqid: string, token: string): Promise<void> {
    await this.#offers.offer(reqid, token);
  }

  async isTaker(): Promise<boolean> {
    return await this.#offers.isTaker();
  }

  async takeOffers(
    take: (reqid: string, token: string) => Promise<void>,
  ): Promise<AsyncDisposable | undefined> {
    return await this.#offers.take(take);
  }

  async countUnused(since: Date): Promise<number> {
    return countUnusedLocks(this.#folder.path, since);
  }

  async dropUnused(): Promise<number> {
    const dropped = dropUnusedLocks(this.#folder.path, this.#context.now());
    for (const reqid of this.#folder.withAny(...LEFT_OVER)) await this.#dropUnrecorded(reqid);
    return dropped;
  }

  /** Its record was kept for long enough: with it, everything is removed that nobody can go on with any more. */
  async #dropUnrecorded(reqid: string): Promise<void> {
    if (!existsSync(recordFile(this.#context.config, reqid))) await this.#end(reqid);
  }

  #keep(reqid: string, what: "order" | "offer", order: RolloutOrder): void {
    const json = JSON.stringify(rolloutOrder.parse(order));
    writeWhole(this.#folder.file(reqid, what), `${json}\n`, OWN_ALONE);
  }

  #remove(reqid: string, what: LeftFile | "lock"): void {
    try {
      removeIfPresent(this.#folder.file(reqid, what));
    } catch {
      // It belongs to nobody now, and the next process to go on with it finds it.
    }
  }
}
