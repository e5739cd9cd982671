/** Notices that are waiting to be accepted by their receivers. See ../ports.ts. */
import type { NoticeKind } from "../../../core/notices/notice.ts";

/** A notice for one receiver. */
export interface WaitingNotice {
  /** The id of the notice. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly receiver: string;
  /** When it was made. */
  readonly since: Date;
}

export interface NoticeStore {
  /**
   * Keeps it until it is removed. If too many wait for a receiver, the oldest of them is lost.
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
  /** For sending them: one process at a time. Undefined if another process does it. */
  ownDelivery(): Promise<Disposable | undefined>;
}
