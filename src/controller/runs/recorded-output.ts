/** What a script has printed on a host whose end is recorded: from the record, and from the agent what that lacks. */
import { CtrlExecError } from "../../core/errors.ts";
import type { RunResult } from "../../core/run-result.ts";
import { longerPause, pause } from "../../system/deadline.ts";
import { whyNotAnswered } from "../fleet/answer.ts";
import { ContactWatch } from "../fleet/contact-watch.ts";
import type { OpenHost } from "../store/ports/runs.ts";
import type { AgentsOfRun } from "./agents-of-run.ts";
import type { RunSink } from "./listener.ts";
import { AWAY_MS, type Gap, isAway, type Reading, restIsThere } from "./log-reading.ts";
import { storedEvents } from "./stored-events.ts";
import { comesBeforeRest, isOfRest, UnrecordedRest } from "./unrecorded-rest.ts";

const NOT_KEPT = "its record had no room for the rest, and its agent does not keep it";

/** Between two questions to an agent that is away. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;

export class RecordedOutput {
  readonly #agents: AgentsOfRun;
  readonly #asked: readonly OpenHost[];

  /** @param asked the hosts of the run that can be asked */
  constructor(agents: AgentsOfRun, asked: readonly OpenHost[]) {
    this.#agents = agents;
    this.#asked = asked;
  }

  /** What was not recorded for want of room comes from the agent, before the end. */
  async pass(result: RunResult, reading: Reading, onEvent: RunSink): Promise<Gap | undefined> {
    const rest = new UnrecordedRest(result, reading.from);
    const open = this.#asked.find(({ host }) => host === result.host);
    if (!rest.isWanted || open === undefined) {
      await passStored(result, reading, onEvent);
      return undefined;
    }
    await passStored(result, reading, async (host, event) => {
      if (comesBeforeRest(event)) await onEvent(host, event);
      else rest.keepForAfter(event);
    });
    const gap = reading.signal.aborted ? undefined : await this.#rest(open, rest, reading, onEvent);
    for (const event of rest.after()) {
      if (!reading.signal.aborted) await onEvent(result.host, event);
    }
    return reading.signal.aborted ? undefined : gap;
  }

  async #rest(
    open: OpenHost,
    rest: UnrecordedRest,
    { follow, signal, onContact }: Reading,
    onEvent: RunSink,
  ): Promise<Gap | undefined> {
    const { host } = open;
    try {
      await this.#agents.open();
    } catch (thrown) {
      // Who may read the record may not be able to ask.
      if (!(thrown instanceof CtrlExecError)) throw thrown;
      return { why: restIsThere(thrown.message, rest), answered: false };
    }
    using contact = follow ? new ContactWatch((news) => onContact?.(host, news)) : undefined;
    const until = performance.now() + AWAY_MS;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = longerPause(pauseMs, LONGEST_PAUSE_MS)) {
      const asking = { signal, from: rest.next, follow: true };
      const hear: RunSink = async (from, event) => {
        rest.hear(event);
        if (isOfRest(event)) await onEvent(from, event);
      };
      const followed = await this.#agents.ask(open, asking, hear, contact);
      if (followed.kind === "ended") return undefined;
      const { kind } = followed;
      if (kind === "answered" && followed.outcome.reply?.status === 404) {
        return { why: NOT_KEPT, answered: true, isLast: true };
      }
      const why = kind === "out-of-sight" ? followed.why : whyNotAnswered(followed.outcome);
      const mayCome = follow && kind === "answered" && isAway(followed.outcome);
      if (!mayCome || signal.aborted || performance.now() > until) {
        return { why: restIsThere(why, rest), answered: false };
      }
      contact?.broken(why, until);
      await pause(pauseMs, signal);
    }
  }
}

/** What is here of a result. */
export async function passStored(
  result: RunResult,
  { from, signal }: Reading,
  onEvent: RunSink,
): Promise<void> {
  for (const event of storedEvents(result, from)) {
    if (signal.aborted) return;
    await onEvent(result.host, event);
    // A record in memory or on disk is read without a pause, so others get their turn between two pieces (T69).
    if (event.kind === "output") await new Promise(setImmediate);
  }
}
