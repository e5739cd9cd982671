/**
 * Fetches the answers of decided requests as they appear in the folder. It looks by itself instead of being
 * told by the kernel: a watch takes one of the user's inotify instances, and when other programs have used
 * them up the pairing would end with them (T65).
 */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { messageOf } from "../../core/errors.ts";
import { listFolder } from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import { paths } from "../store/paths.ts";
import { takeAnswer } from "./queue.ts";

const LOOK_MS = 100;

export class PairingAnswers {
  readonly #config: ControllerConfig;
  readonly #log: HostContext["log"];
  readonly #wanted = new Map<string, (answer: string) => void>();
  /** Requests whose answer could not be read, of which the log has been told. */
  readonly #told = new Set<string>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor({ config, log }: Pick<HostContext, "config" | "log">) {
    this.#config = config;
    this.#log = log;
  }

  /** Calls back once with the answer to the request, as the text that goes on the wire. */
  expect(id: string, onAnswer: (answer: string) => void): void {
    this.#wanted.set(id, onAnswer);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
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
   * One that cannot be read now, as when the host runs out of open files, may be at the next look: it
   * ends neither this process nor the others' pairings (T20).
   */
  #look(): void {
    for (const id of this.#decided()) {
      const onAnswer = this.#wanted.get(id);
      if (onAnswer === undefined) continue;
      let answer: string | undefined;
      try {
        answer = takeAnswer(this.#config, id);
      } catch (thrown) {
        this.#tell(id, thrown);
      }
      if (answer === undefined) continue;
      this.forget(id);
      onAnswer(answer);
    }
  }

  /** Ids of the answers that lie there. */
  #decided(): string[] {
    let names: string[];
    try {
      names = listFolder(paths(this.#config).pairing);
    } catch (thrown) {
      for (const id of this.#wanted.keys()) this.#tell(id, thrown);
      return [];
    }
    return names.flatMap((name) => /^(.*)\.(?:approved|denied)$/.exec(name)?.[1] ?? []);
  }

  #tell(reqid: string, thrown: unknown): void {
    if (this.#told.has(reqid)) return;
    this.#told.add(reqid);
    this.#log({ event: "pair-answer-fail", error: messageOf(thrown), reqid });
  }
}
