/** `--json-stream`: one line of JSON for each event of a run (docs/PROTOCOL.md, section 5). */
import type { RunReport } from "../../controller/runs/run.ts";
import type { RunEvent } from "../../core/run-event.ts";
import { outcomeOfResult } from "../../core/run-outcome.ts";
import type { RunResult } from "../../core/run-result.ts";
import { messageBytes } from "../../core/wire/message-bytes.ts";
import { type RunMessage, RunMessages, summaryOf } from "../../core/wire/run-messages.ts";
import type { Io } from "../command/io.ts";

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

  /** @param ms how long the run took @param hint how to come back to it, if it may go on */
  close({ reqid, results, recorded }: RunReport, ms: number, hint?: string): void {
    const summary = { ...summaryOf(reqid, results.map(outcomeOfResult), ms), recorded };
    this.#write([hint === undefined ? summary : { ...summary, hint }]);
  }

  #write(messages: Iterable<RunMessage>): void {
    for (const message of messages) this.#io.out(messageBytes(message));
  }
}
