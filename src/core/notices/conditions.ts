/**
 * What holds for a while, and is told when it begins, when it gets worse and when it is over: each of these once, however often
 * somebody looks, by comparing what holds now with what was told. Pure.
 */
import { bounded, MOST_NAMED } from "./bounds.ts";
import type { EndingCertificate, LongLock, NoticeNews } from "./news.ts";

interface Facts {
  /** What it is about, unique within its kind: `agent web-01`. */
  readonly about: string;
  /** Another one is told anew: the certificate's end, or since when a lock is held. */
  readonly which: string;
}

export type Condition = Facts &
  (
    | {
        readonly kind: "certificate-ends";
        /** The threshold that it is below; smaller is worse. */
        readonly days: number;
        readonly subject: EndingCertificate;
      }
    | { readonly kind: "agent-stale"; readonly subject: { readonly host: string } }
    | { readonly kind: "lock-held"; readonly subject: LongLock }
  );

export type ConditionKind = Condition["kind"];

/** What a look has found. */
export interface Look {
  /** What was looked at: the others are as they were. */
  readonly kinds: ReadonlySet<ConditionKind>;
  readonly found: readonly Condition[];
  /** Of those that could not be looked at nothing is over. */
  readonly unseen: ReadonlySet<string>;
}

/** @returns what is to be told, and what was told when that is done */
export function compare(
  told: readonly Condition[],
  { kinds, found, unseen }: Look,
): { readonly news: readonly NoticeNews[]; readonly told: readonly Condition[] } {
  const before = new Map(told.map((each) => [keyOf(each), each]));
  const now = new Map(found.map((each) => [keyOf(each), each]));
  const begun = [...now.values()].filter((each) => isNew(each, before.get(keyOf(each))));
  const gone = told.filter((each) => {
    return kinds.has(each.kind) && !now.has(keyOf(each)) && !unseen.has(each.about);
  });
  const over = new Set(gone);
  return {
    news: [...newsOf(begun, false), ...newsOf(gone, true)],
    told: [
      ...told.filter((each) => !over.has(each) && !now.has(keyOf(each))),
      ...[...now.values()].map((each) => worseOf(each, before.get(keyOf(each)))),
    ],
  };
}

function keyOf({ kind, about }: Condition): string {
  return `${kind} ${about}`;
}

function isNew(now: Condition, before: Condition | undefined): boolean {
  if (before === undefined || now.which !== before.which) return true;
  return daysOf(now) < daysOf(before);
}

/** A clock that goes back must not make a threshold be told twice. */
function worseOf(now: Condition, before: Condition | undefined): Condition {
  return before === undefined || isNew(now, before) ? now : before;
}

function daysOf(condition: Condition): number {
  return condition.kind === "certificate-ends" ? condition.days : 0;
}

/** One for all that began, or are over, together. */
function newsOf(conditions: readonly Condition[], over: boolean): NoticeNews[] {
  const alike = Map.groupBy(conditions, (each) => `${each.kind} ${over ? 0 : daysOf(each)}`);
  return [...alike.values()].flatMap((each): NoticeNews[] => {
    const count = each.length;
    const first = each.slice(0, MOST_NAMED);
    const [{ kind } = { kind: undefined }] = first;
    if (kind === undefined) return [];
    if (kind === "certificate-ends") {
      const days = Math.min(...each.map(daysOf));
      const certificates = first.flatMap((one) => (one.kind === kind ? [one.subject] : []));
      return [{ kind, over, days, count, certificates }];
    }
    if (kind === "agent-stale") {
      const hosts = first.flatMap((one) => (one.kind === kind ? [one.subject] : []));
      return [{ kind, over, count, hosts }];
    }
    const locks = first.flatMap((one) => (one.kind === kind ? [one.subject] : []));
    const cut = locks.map((lock) => ({ ...lock, script: bounded(lock.script) }));
    return [{ kind, over, count, locks: cut }];
  });
}
