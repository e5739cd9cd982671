/**
 * Root's view of the agent's inbox. The agent's user may have put anything there, and may change it meanwhile: no link is
 * followed, also not in the inbox's own place, and nothing is read but plain files, each once (T13).
 */
import { closeSync, constants, openSync, rmdirSync, unlinkSync } from "node:fs";
import { systemCode } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { openPlain, readPlainFile } from "../../system/files/plain-file.ts";
import { type InboxRequest, inboxAge, inboxRequest, MAX_INBOX_REQUEST } from "./inbox-request.ts";
import { INBOX } from "./places.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

export class InboxReader implements Disposable {
  readonly #folder: number;

  private constructor(folder: number) {
    this.#folder = folder;
  }

  /** Undefined if there is no inbox, or something else in its place. */
  static open(path: string): InboxReader | undefined {
    try {
      return new InboxReader(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    } catch (thrown) {
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes(systemCode(thrown))) return undefined;
      throw thrown;
    }
  }

  /** Undefined if it is not there, or cannot be one. */
  request(): InboxRequest | undefined {
    try {
      const rule = { noLink: true, noProc: true, maxBytes: MAX_INBOX_REQUEST };
      const { bytes } = readPlainFile(this.#path("request"), rule);
      return readJsonAs(inboxRequest, bytes.toString("utf8"));
    } catch {
      return undefined;
    }
  }

  /** The build's open file; whoever asks closes it. @throws an error that says what else it is */
  openBuild(): number {
    return openPlain(this.#path("build"), O_RDONLY | O_NOFOLLOW).file;
  }

  /** Milliseconds since it was handed over; 0 if it was not. */
  age(now: Date): number {
    return inboxAge(this.#path("apply"), now);
  }

  /** The files of an upgrade that has ended. `apply` is the last, since it would start another one. */
  clear(): void {
    for (const name of ["build", "request", "apply"] as const) {
      try {
        unlinkSync(this.#path(name));
      } catch (thrown) {
        const code = systemCode(thrown);
        if (code === "EISDIR" || code === "EPERM") this.#removeFolder(name);
        else if (code !== "ENOENT") throw thrown;
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#folder);
  }

  /** Its content is not looked at: root would walk through what others are changing. */
  #removeFolder(name: keyof typeof INBOX): void {
    try {
      rmdirSync(this.#path(name));
    } catch {
      // It starts root's part again, slowly, until somebody takes it away.
    }
  }

  /** Through the open folder: whatever has taken its place since is not looked at. */
  #path(name: keyof typeof INBOX): string {
    return `/proc/self/fd/${this.#folder}/${INBOX[name]}`;
  }
}
