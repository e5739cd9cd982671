/**
 * Waiting notices as files in one folder that is accessible only to its user:
 * `notices/<ms>.<id>.<kind>.<receiver>.json`. A name says everything that is needed to choose among them.
 */
import { join } from "node:path";
import * as z from "zod/mini";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import type { Condition } from "../../core/notices/conditions.ts";
import { NOTICE_KINDS, type NoticeNews } from "../../core/notices/news.ts";
import { writeWholeAsync } from "../../system/files/async-files.ts";
import {
  ensureFolder,
  listFolder,
  readTextIfPresent,
  removeIfPresent,
} from "../../system/files/files.ts";
import { tryLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type { NoticeStore, ToldState, WaitingNotice } from "./ports/notices.ts";

/** For each receiver, so that a dead one takes nothing away from the others (T35). */
export const MAX_WAITING = 200;
const MAX_BODY = 65_536;

const NAME = /^(\d{15})\.([0-9a-f]{16})\.([a-z-]{1,40})\.([A-Za-z0-9][A-Za-z0-9_-]{0,63})\.json$/;

/** Ten thousand hosts with a condition each, and to spare. */
const MAX_TOLD = 16 * 2 ** 20;

const text = z.string();
const orNull = z.nullable(text);
const facts = { about: text, which: text };
const kind = <Kind extends Condition["kind"]>(name: Kind) => z.literal(name);

const storedTold = z.object({
  told: z.array(
    z.discriminatedUnion("kind", [
      z.object({
        ...facts,
        kind: kind("certificate-ends"),
        days: z.number(),
        subject: z.object({
          of: z.enum(["agent", "control-host", "ca", "api"]),
          host: orNull,
          expires: text,
        }),
      }),
      z.object({ ...facts, kind: kind("agent-stale"), subject: z.object({ host: text }) }),
      z.object({
        ...facts,
        kind: kind("lock-held"),
        subject: z.object({ host: text, script: text, reqid: orNull, since: text }),
      }),
    ]),
  ),
  pending: z.array(
    z.object({
      id: text.check(z.regex(/^[0-9a-f]{16}$/)),
      since: z.iso.datetime(),
      // Sent as it was written.
      news: z.custom<NoticeNews>((news) => NOTICE_KINDS.includes(Object(news).kind)),
    }),
  ),
});

export class FileNotices implements NoticeStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async add(notice: WaitingNotice, body: string): Promise<number> {
    ensureFolder(this.#folder, 0o700);
    const others = (await this.waiting()).filter(
      ({ receiver, id }) => receiver === notice.receiver && id !== notice.id,
    );
    const tooMany = Math.max(0, others.length + 1 - MAX_WAITING);
    const first = others.filter(isOfStrangers);
    // A stranger must not push out what this host has to say (T35).
    if (tooMany > first.length && isOfStrangers(notice)) return 1;
    const order = [...first, ...others.filter((each) => !isOfStrangers(each))];
    const lost = order.slice(0, tooMany);
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

  async ownDelivery(): Promise<AsyncDisposable | undefined> {
    return this.#own("notices");
  }

  async ownLook(): Promise<AsyncDisposable | undefined> {
    return this.#own("notices-look");
  }

  #own(name: "notices" | "notices-look"): AsyncDisposable | undefined {
    const lock = tryLock(lockPath(this.#context.config, name));
    return lock && { [Symbol.asyncDispose]: async () => lock.release() };
  }

  async told(): Promise<ToldState> {
    const text = readTextIfPresent(this.#toldFile, { maxBytes: MAX_TOLD });
    if (text === undefined) return { told: [], pending: [] };
    const found = readJsonAs(storedTold, text);
    if (found === undefined) {
      throw new CtrlExecError("damaged", `Cannot use ${this.#toldFile}: it is damaged`, {
        hint: "Remove it: what still holds is then told once more.",
      });
    }
    return {
      told: found.told,
      pending: found.pending.map((each) => ({ ...each, since: new Date(each.since) })),
    };
  }

  async keepTold(state: ToldState): Promise<void> {
    ensureFolder(this.#folder, 0o700);
    await writeWholeAsync(this.#toldFile, [`${JSON.stringify(state)}\n`], 0o600, true);
  }

  get #toldFile(): string {
    return join(this.#folder, "told.json");
  }

  get #folder(): string {
    return paths(this.#context.config).notices;
  }

  #file({ id, kind, receiver, since }: WaitingNotice): string {
    const ms = String(since.getTime()).padStart(15, "0");
    return join(this.#folder, `${ms}.${id}.${kind}.${receiver}.json`);
  }
}

function isOfStrangers({ kind }: WaitingNotice): boolean {
  return kind === "join-refused";
}

function noticeNamed(name: string): WaitingNotice | undefined {
  const [, ms, id, word, receiver] = NAME.exec(name) ?? [];
  const kind = NOTICE_KINDS.find((each) => each === word);
  if (id === undefined || kind === undefined || receiver === undefined) return undefined;
  return { id, kind, receiver, since: new Date(Number(ms)) };
}
