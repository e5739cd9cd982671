/**
 * Waiting notices as files in one folder that is accessible only to its user:
 * `notices/<ms>.<id>.<kind>.<receiver>.json`. A name says everything that is needed to choose among them.
 */
import { join } from "node:path";
import { NOTICE_KINDS } from "../../core/notices/notice.ts";
import { writeWholeAsync } from "../../system/files/async-files.ts";
import {
  ensureFolder,
  listFolder,
  readTextIfPresent,
  removeIfPresent,
} from "../../system/files/files.ts";
import { tryLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { lockPath, paths } from "./paths.ts";
import type { NoticeStore, WaitingNotice } from "./ports/notices.ts";

/** For each receiver, so that a dead one takes nothing away from the others (T35). */
export const MAX_WAITING = 200;
const MAX_BODY = 65_536;

const NAME = /^(\d{15})\.([0-9a-f]{16})\.([a-z-]{1,40})\.([A-Za-z0-9][A-Za-z0-9_-]{0,63})\.json$/;

export class FileNotices implements NoticeStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async add(notice: WaitingNotice, body: string): Promise<number> {
    ensureFolder(this.#folder, 0o700);
    const others = (await this.waiting()).filter(({ receiver }) => receiver === notice.receiver);
    const lost = others.slice(0, Math.max(0, others.length + 1 - MAX_WAITING));
    for (const old of lost) await this.remove(old);
    await writeWholeAsync(this.#file(notice), [body], 0o600, true);
    return lost.length;
  }

  async waiting(): Promise<readonly WaitingNotice[]> {
    return listFolder(this.#folder).flatMap((name) => noticeNamed(name) ?? []);
  }

  async body(notice: WaitingNotice): Promise<string | undefined> {
    const text = readTextIfPresent(this.#file(notice), { maxBytes: MAX_BODY });
    return text?.endsWith("}") ? text : undefined;
  }

  async remove(notice: WaitingNotice): Promise<void> {
    removeIfPresent(this.#file(notice));
  }

  async ownDelivery(): Promise<Disposable | undefined> {
    return tryLock(lockPath(this.#context.config, "notices"));
  }

  get #folder(): string {
    return paths(this.#context.config).notices;
  }

  #file({ id, kind, receiver, since }: WaitingNotice): string {
    const ms = String(since.getTime()).padStart(15, "0");
    return join(this.#folder, `${ms}.${id}.${kind}.${receiver}.json`);
  }
}

function noticeNamed(name: string): WaitingNotice | undefined {
  const [, ms, id, word, receiver] = NAME.exec(name) ?? [];
  const kind = NOTICE_KINDS.find((each) => each === word);
  if (id === undefined || kind === undefined || receiver === undefined) return undefined;
  return { id, kind, receiver, since: new Date(Number(ms)) };
}
