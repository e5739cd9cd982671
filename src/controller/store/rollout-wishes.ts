/**
 * What others have asked for of rollouts under way: to pause, continue or cancel one (`<reqid>.pause`,
 * `<reqid>.continue`, `<reqid>.cancel`), or to leave hosts of it out (`<reqid>.without`).
 */
import { statSync } from "node:fs";
import * as z from "zod/mini";
import { readJsonAs } from "../../core/json.ts";
import {
  isDenied,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import { lockIfPresent, takeLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import type { LeftOut, RolloutWish, RolloutWishes } from "./ports/rollouts.ts";
import { type LeftFile, OWN_ALONE, RolloutFolder } from "./rollout-folder.ts";

/** How often the owner checks what others have asked for: a check is two system calls. */
const LOOK_EVERY_MS = 200;

const storedWish = z.object({ by: z.string(), since: z.string() });
const storedLeftOut = z.record(z.string(), storedWish);

/** Another who leaves hosts out takes as long as writing one file does. */
const WAIT_MS = 10_000;

const UNREADABLE: RolloutWish = { by: "", since: "" };

export class WishFiles {
  readonly #context: StoreContext;
  readonly #folder: RolloutFolder;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#folder = new RolloutFolder(context);
  }

  wishes(reqid: string): RolloutWishes {
    // In this order: see endPause().
    const pause = this.#read(reqid, "pause");
    return { pause, cancel: this.#read(reqid, "cancel"), continued: this.#continued(reqid) };
  }

  /** By polling: a watch takes an inotify instance, and other programs may have used them all up (T65). */
  hear(reqid: string, onLook: (wishes: RolloutWishes) => void): () => void {
    const timer = setInterval(() => onLook(this.wishes(reqid)), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }

  /** What is asked for now, by file: a text that is another as soon as somebody asks again. */
  state(reqid: string): Readonly<Partial<Record<LeftFile, string | undefined>>> {
    const { pause, cancel } = this.wishes(reqid);
    const without = this.#without(reqid);
    return { pause: JSON.stringify(pause), cancel: JSON.stringify(cancel), without };
  }

  wish(reqid: string, what: "pause" | "cancel", wish: RolloutWish): void {
    this.#folder.ensure();
    this.#write(reqid, what, wish);
  }

  async leaveOut(reqid: string, hosts: readonly string[], wish: RolloutWish): Promise<void> {
    this.#folder.ensure();
    using _lock = await takeLock(lockPath(this.#context.config, "run-records"), WAIT_MS);
    const { by, since } = wish;
    const now = new Map(hosts.map((host) => [host, { by, since }]));
    const all = Object.fromEntries([...now, ...this.leftOut(reqid)]);
    writeWhole(this.#folder.file(reqid, "without"), `${JSON.stringify(all)}\n`, OWN_ALONE);
  }

  leftOut(reqid: string): LeftOut {
    const found = readJsonAs(storedLeftOut, this.#without(reqid) ?? "{}");
    return new Map(Object.entries(found ?? {}));
  }

  /** Of two who continue it at the same time one has done so. Whoever sees that it is not paused also sees by whom. */
  endPause(reqid: string, hand: RolloutWish): boolean {
    const file = this.#folder.file(reqid, "pause");
    using ending = lockIfPresent(file);
    if (ending === undefined) return false;
    this.#write(reqid, "continue", hand);
    return removeIfPresent(file);
  }

  paused(): ReadonlyMap<string, RolloutWish> {
    const reqids = this.#folder.withAny("pause");
    const found = reqids.map((reqid) => [reqid, this.#read(reqid, "pause")] as const);
    return new Map(found.flatMap(([reqid, wish]) => (wish ? [[reqid, wish] as const] : [])));
  }

  #write(reqid: string, what: LeftFile, { by, since }: RolloutWish): void {
    writeWhole(this.#folder.file(reqid, what), `${JSON.stringify({ by, since })}\n`, OWN_ALONE);
  }

  #without(reqid: string): string | undefined {
    return textOf(this.#folder.file(reqid, "without"));
  }

  #continued(reqid: string): RolloutWish | undefined {
    const hand = this.#read(reqid, "continue");
    return hand === UNREADABLE ? undefined : hand;
  }

  /** One that cannot be read counts all the same: somebody asked for it. */
  #read(reqid: string, what: "pause" | "continue" | "cancel"): RolloutWish | undefined {
    const file = this.#folder.file(reqid, what);
    try {
      const text = textOf(file);
      return text === undefined ? undefined : (readJsonAs(storedWish, text) ?? UNREADABLE);
    } catch {
      return UNREADABLE;
    }
  }
}

/** A user who may not enter the folder cannot know what is in it: there is nothing for him. */
function textOf(file: string): string | undefined {
  try {
    return readTextIfPresent(file);
  } catch (thrown) {
    if (mayLook(file)) throw thrown;
    return undefined;
  }
}

function mayLook(file: string): boolean {
  try {
    statSync(file, { throwIfNoEntry: false });
    return true;
  } catch (thrown) {
    return !isDenied(thrown);
  }
}
