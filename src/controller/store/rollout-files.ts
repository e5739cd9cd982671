/**
 * Rollouts under way in files of one folder, which is its user's alone: `<reqid>.lock`, which the kernel releases when
 * its process dies, and what others want: `<reqid>.pause`, `<reqid>.cancel`.
 */
import { join } from "node:path";
import * as z from "zod/mini";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { isRequestId } from "../../core/request-id.ts";
import {
  ensureFolder,
  listFiles,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import { type HeldLock, isHeld, tryLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { paths } from "./paths.ts";
import type { OwnedRollout, RolloutStore, RolloutWish, RolloutWishes } from "./ports/rollouts.ts";

const OWN_ALONE = 0o600;
const WISHES = ["pause", "cancel"] as const;
const PAUSED = /^([0-9a-f]{16})\.pause$/;

/** How often the owner looks for wishes: a look is two calls of the system. */
const LOOK_EVERY_MS = 200;

const storedWish = z.object({ by: z.string(), since: z.string() });

export class FileRollouts implements RolloutStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async own(reqid: string): Promise<OwnedRollout | undefined> {
    const file = this.#file(reqid, "lock");
    ensureFolder(this.#folder, 0o700);
    const lock = await takenSoon(file);
    if (lock === undefined) return undefined;
    return {
      wishes: async () => this.#wishes(reqid),
      hearWishes: (onLook) => this.#look(reqid, onLook),
      renew: async () => {
        for (const what of WISHES) removeIfPresent(this.#file(reqid, what));
      },
      end: async () => {
        for (const what of [...WISHES, "lock"]) this.#remove(reqid, what);
        lock.release();
      },
      leave: async () => lock.release(),
    };
  }

  async isOwned(reqid: string): Promise<boolean> {
    return isHeld(this.#file(reqid, "lock"));
  }

  async wishes(reqid: string): Promise<RolloutWishes> {
    return this.#wishes(reqid);
  }

  async wish(reqid: string, what: keyof RolloutWishes, { by, since }: RolloutWish): Promise<void> {
    ensureFolder(this.#folder, 0o700);
    writeWhole(this.#file(reqid, what), `${JSON.stringify({ by, since })}\n`, OWN_ALONE);
  }

  async takeBack(reqid: string, what: keyof RolloutWishes): Promise<boolean> {
    return removeIfPresent(this.#file(reqid, what));
  }

  async paused(): Promise<ReadonlyMap<string, RolloutWish>> {
    const reqids = listFiles(this.#folder).flatMap((name) => PAUSED.exec(name)?.[1] ?? []);
    const found = reqids.map((reqid) => [reqid, this.#read(reqid, "pause")] as const);
    return new Map(found.flatMap(([reqid, wish]) => (wish ? [[reqid, wish] as const] : [])));
  }

  /** By looking: a watch takes an inotify instance, of which other programs may leave none (T65). */
  #look(reqid: string, onLook: (wishes: RolloutWishes) => void): () => void {
    const timer = setInterval(() => onLook(this.#wishes(reqid)), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }

  #wishes(reqid: string): RolloutWishes {
    return { pause: this.#read(reqid, "pause"), cancel: this.#read(reqid, "cancel") };
  }

  /** One that cannot be read counts all the same: somebody wants it. */
  #read(reqid: string, what: keyof RolloutWishes): RolloutWish | undefined {
    try {
      const text = readTextIfPresent(this.#file(reqid, what));
      return text === undefined ? undefined : (readJsonAs(storedWish, text) ?? UNREADABLE);
    } catch {
      return UNREADABLE;
    }
  }

  #remove(reqid: string, what: string): void {
    try {
      removeIfPresent(this.#file(reqid, what));
    } catch {
      // It is nobody's any more, and whoever goes on with it finds it.
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

/** Who looks whether a lock is held, takes it for much less than this. */
const LOOK_MS = 10;

async function takenSoon(file: string): Promise<HeldLock | undefined> {
  const lock = tryLock(file);
  if (lock !== undefined) return lock;
  await Bun.sleep(LOOK_MS);
  return tryLock(file);
}
