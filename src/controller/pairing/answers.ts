/**
 * Fetches the answers to decided requests as they appear in the folder. It polls, because a watch takes one of
 * the user's inotify instances, and if other programs have used them up, pairing would fail (T65).
 */
import { messageOf } from "../../core/errors.ts";
import type { HostContext } from "../store/host.ts";
import type { PairingStore } from "../store/ports/pairing.ts";

const LOOK_MS = 100;

export class PairingAnswers {
  readonly #store: PairingStore;
  readonly #log: HostContext["log"];
  readonly #wanted = new Map<string, (answer: string) => void>();
  /** Requests whose answer could not be read, for which that has been logged. */
  readonly #told = new Set<string>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #looking = false;

  constructor({ log, store }: HostContext) {
    this.#store = store.pairing;
    this.#log = log;
  }

  /** Calls back once with the answer to the request, as the text that goes on the wire. */
  expect(id: string, onAnswer: (answer: string) => void): void {
    this.#wanted.set(id, onAnswer);
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS);
  }

  forget(id: string): void {
    this.#wanted.delete(id);
    this.#told.delete(id);
    if (this.#wanted.size === 0) this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * An answer that cannot be read now, for example because the host has run out of open files, may be readable at the
   * next check: it must not end this process or other pairings (T20).
   */
  async #look(): Promise<void> {
    // A slow check is not overtaken by the next one.
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (const id of await this.#answered()) {
        if (!this.#wanted.has(id)) continue;
        const answer = await this.#answerTo(id);
        const onAnswer = this.#wanted.get(id);
        if (answer === undefined || onAnswer === undefined) continue;
        this.forget(id);
        onAnswer(answer);
      }
    } finally {
      this.#looking = false;
    }
  }

  async #answered(): Promise<readonly string[]> {
    try {
      return await this.#store.answered();
    } catch (thrown) {
      for (const id of this.#wanted.keys()) this.#tell(id, thrown);
      return [];
    }
  }

  async #answerTo(id: string): Promise<string | undefined> {
    try {
      return await this.#store.takeAnswer(id);
    } catch (thrown) {
      this.#tell(id, thrown);
      return undefined;
    }
  }

  #tell(reqid: string, thrown: unknown): void {
    if (this.#told.has(reqid)) return;
    this.#told.add(reqid);
    this.#log({ event: "pair-answer-fail", error: messageOf(thrown), reqid });
  }
}
