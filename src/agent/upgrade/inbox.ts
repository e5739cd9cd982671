/**
 * The agent's inbox: a build comes in pieces, one upgrade at a time. What has come stays when the connection or the
 * agent ends, and the next request for the same build goes on from there.
 */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { fileHash } from "../../system/files/file-hash.ts";
import { createWhole, fileError, readTextIfPresent, writeWhole } from "../../system/files/files.ts";
import { openPlain } from "../../system/files/plain-file.ts";
import { openJobsFolder } from "../jobs/jobs-folder.ts";
import { type InboxRequest, inboxAge, inboxRequest, MAX_INBOX_REQUEST } from "./inbox-request.ts";
import { BEGINS_IN_MS, INBOX } from "./places.ts";

/** What an upload that nobody goes on with is kept for. */
const KEEP_MS = 86_400_000;

export type Taken =
  | { readonly kind: "taken"; readonly have: number }
  /** The piece does not follow what has come, or leads beyond the end. */
  | { readonly kind: "misplaced"; readonly have: number }
  /** No such upgrade was begun, or another one has taken its place. */
  | { readonly kind: "unknown" };

export type Handed =
  | { readonly kind: "handed" }
  | { readonly kind: "incomplete"; readonly have: number }
  /** What has come is not the build: it was removed. */
  | { readonly kind: "altered" }
  | { readonly kind: "unknown" };

export class UpgradeInbox {
  readonly #folder: string;
  /** The upgrade that was begun with this agent, so that the hook has agreed to it. */
  #current: InboxRequest | undefined;
  /** Being hashed, and so not to be changed. */
  #isClosed = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether root's part has been asked for, and has not begun or is at it. */
  get isHandedOver(): boolean {
    return existsSync(this.#path("apply"));
  }

  /** Whether something has come, and has not been handed over. */
  get isReceiving(): boolean {
    return this.#current !== undefined && !this.isHandedOver;
  }

  /**
   * Goes on with what has come if it is of the same build, or else begins anew.
   *
   * @returns how many bytes have come
   * @throws CtrlExecError `storage`; `busy` while another one is being handed over
   */
  begin(request: InboxRequest, now: Date): number {
    if (inboxAge(this.#path("apply"), now) > BEGINS_IN_MS) this.#remove("apply");
    this.#refuseWhileClosed();
    this.#makeFolder();
    const before = this.#storedRequest();
    const goesOn = before?.sha256 === request.sha256 && before.size === request.size;
    if (!goesOn) this.#remove("build");
    writeWhole(this.#path("request"), JSON.stringify(request), 0o600);
    this.#current = request;
    return this.#withBuild((_, length) => length);
  }

  /** @throws CtrlExecError `storage`, with no part of the piece taken; `busy` */
  take(reqid: string, offset: number, piece: Uint8Array): Taken {
    this.#refuseWhileClosed();
    const current = this.#current;
    if (current?.reqid !== reqid) return { kind: "unknown" };
    return this.#withBuild((file, have) => {
      if (offset !== have || have + piece.length > current.size) return { kind: "misplaced", have };
      try {
        for (let at = 0; at < piece.length; ) {
          at += writeSync(file, piece, at, piece.length - at, have + at);
        }
      } catch (thrown) {
        ftruncateSync(file, have);
        throw thrown;
      }
      return { kind: "taken", have: have + piece.length };
    });
  }

  /** Hands over a build that has come whole. @throws CtrlExecError `storage`, `busy` */
  async handOver(reqid: string): Promise<Handed> {
    this.#refuseWhileClosed();
    const current = this.#current;
    if (current?.reqid !== reqid) return { kind: "unknown" };
    const have = this.#withBuild((file, length) => {
      fsyncSync(file);
      return length;
    });
    if (have < current.size) return { kind: "incomplete", have };
    this.#isClosed = true;
    try {
      if ((await fileHash(this.#path("build"), constants.O_NOFOLLOW)) !== current.sha256) {
        this.#remove("build");
        return { kind: "altered" };
      }
      this.#current = undefined;
      createWhole(this.#path("apply"), `${reqid}\n`, 0o600);
      return { kind: "handed" };
    } finally {
      this.#isClosed = false;
    }
  }

  /** Removes an upload that nobody has gone on with for a day. Never throws. */
  removeLeft(now: Date): void {
    try {
      if (this.isHandedOver || inboxAge(this.#path("build"), now) < KEEP_MS) return;
      this.#remove("build");
      this.#remove("request");
    } catch {
      // The next upgrade meets it, and says so.
    }
  }

  #path(name: keyof typeof INBOX): string {
    return join(this.#folder, INBOX[name]);
  }

  #refuseWhileClosed(): void {
    if (!this.#isClosed && !this.isHandedOver) return;
    throw new CtrlExecError("busy", "an upgrade is under way");
  }

  #makeFolder(): void {
    try {
      openJobsFolder(this.#folder);
    } catch (thrown) {
      throw fileError("storage", "use", this.#folder, thrown);
    }
  }

  #storedRequest(): InboxRequest | undefined {
    const rule = { noLink: true, maxBytes: MAX_INBOX_REQUEST };
    return readJsonAs(inboxRequest, readTextIfPresent(this.#path("request"), rule) ?? "");
  }

  #remove(name: keyof typeof INBOX): void {
    rmSync(this.#path(name), { force: true });
  }

  /** @param use is given the build's open file, and how much of it there is @throws CtrlExecError `storage` */
  #withBuild<Result>(use: (file: number, length: number) => Result): Result {
    const path = this.#path("build");
    try {
      const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
      const { file, stats } = openPlain(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
      try {
        return use(file, stats.size);
      } finally {
        closeSync(file);
      }
    } catch (thrown) {
      throw fileError("storage", "write", path, thrown);
    }
  }
}
