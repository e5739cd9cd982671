/** Notices that wait to be taken by their receivers. See ../ports.ts. */
import type { NoticeKind } from "../../../core/notices/notice.ts";

/** A notice for one receiver. */
export interface WaitingNotice {
  /** Of the notice. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly receiver: string;
  /** When it was told. */
  readonly since: Date;
}

export interface NoticeStore {
  /**
   * Keeps it until it is removed. A receiver for whom too many wait loses its oldest.
   *
   * @param body what the receiver is sent, each time
   * @returns how many were lost
   * @throws CtrlExecError `storage`, or `config` if this user may not write there
   */
  add(notice: WaitingNotice, body: string): Promise<number>;
  /** The oldest first. */
  waiting(): Promise<readonly WaitingNotice[]>;
  /** Undefined if it waits no more, or is damaged. */
  body(notice: WaitingNotice): Promise<string | undefined>;
  remove(notice: WaitingNotice): Promise<void>;
  /** For who hands them out: one process at a time. Undefined if another does. */
  ownDelivery(): Promise<Disposable | undefined>;
}
