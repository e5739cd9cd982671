/** Notices that are waiting to be taken by their receivers. See ../ports.ts. */
import type { Condition } from "../../../core/notices/conditions.ts";
import type { NoticeKind, NoticeNews } from "../../../core/notices/news.ts";

/** A notice for one receiver. */
export interface WaitingNotice {
  /** The id of the notice. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly receiver: string;
  /** When it was made. */
  readonly since: Date;
}

/** What whoever looks at this host and its fleet remembers from one look to the next. */
export interface ToldState {
  readonly told: readonly Condition[];
  /** To be left in the spool: after a kill, under the same id and time. */
  readonly pending: readonly PendingNews[];
}

export interface PendingNews {
  readonly id: string;
  readonly since: Date;
  readonly news: NoticeNews;
}

export interface NoticeStore {
  /**
   * Keeps it until it is removed. A receiver for whom too many wait loses its oldest refused joins, which a stranger can
   * make many of, and then its oldest; a refused join makes room for nothing else.
   *
   * @param body what is sent to the receiver, each time
   * @returns how many were lost
   * @throws CtrlExecError `storage`, or `config` if this user may not write there
   */
  add(notice: WaitingNotice, body: string): Promise<number>;
  /** Oldest first. */
  waiting(): Promise<readonly WaitingNotice[]>;
  /** Undefined if it no longer waits, or is damaged. */
  body(notice: WaitingNotice): Promise<string | undefined>;
  remove(notice: WaitingNotice): Promise<void>;
  /** For sending them: one process at a time. Undefined if another process does it. To release it never rejects. */
  ownDelivery(): Promise<AsyncDisposable | undefined>;
  /** For who looks: one process at a time. Undefined if another does. To release it never rejects. */
  ownLook(): Promise<AsyncDisposable | undefined>;
  /** Empty at first. @throws CtrlExecError `damaged` if it cannot be read */
  told(): Promise<ToldState>;
  keepTold(state: ToldState): Promise<void>;
}
