/** `--json-stream`: one line of JSON for each event of a run (docs/PROTOCOL.md, section 5). */
import type { RolloutNews } from "../../controller/runs/rollout-news.ts";
import type { RunReport } from "../../controller/runs/run.ts";
import type { RunEvent } from "../../core/run-event.ts";
import { outcomeOfResult } from "../../core/run-outcome.ts";
import type { RunResult } from "../../core/run-result.ts";
import { messageBytes } from "../../core/wire/message-bytes.ts";
import { type RunMessage, RunMessages, summaryOf } from "../../core/wire/run-messages.ts";
import type { Io } from "../command/io.ts";
import { writeJson } from "./json.ts";

export class JsonStream {
  readonly #io: Io;
  readonly #messages = new RunMessages();

  constructor(io: Io) {
    this.#io = io;
  }

  hear(host: string, event: RunEvent): void {
    this.#write(this.#messages.hear(host, event));
  }

  show(result: RunResult): void {
    this.#write(this.#messages.end(result));
  }

  tell(news: RolloutNews): void {
    writeJson(this.#io, news);
  }

  /** @param ms how long the run took @param hint how to come back to it, if it may go on */
  close({ reqid, results, recorded, rollout }: RunReport, ms: number, hint?: string): void {
    const outcomes = results.map(outcomeOfResult);
    const more = rollout === undefined ? { recorded } : { recorded, rollout };
    const summary = { ...summaryOf(reqid, outcomes, ms), ...more };
    this.#write([hint === undefined ? summary : { ...summary, hint }]);
  }

  #write(messages: Iterable<RunMessage>): void {
    for (const message of messages) this.#io.out(messageBytes(message));
  }
}
