/** When an agent's certificate ends, as its answer to a ping shows it. */
import { messageOf } from "../core/errors.ts";
import { parseOpensslTime } from "../core/time.ts";
import type { Controller } from "./controller.ts";
import { type AgentRecord, changeAgents } from "./registry.ts";

export interface ShownExpiry {
  /** As it was when the agent was asked. */
  readonly record: AgentRecord;
  /** OpenSSL's text form. */
  readonly expiry: string;
}

/**
 * An agent that was put back from a backup may have its certificate from before a renewal. By its record
 * nothing would be due until long after that one has ended, so the record takes the earlier end. Best
 * effort: the next ping finds out again.
 *
 * @returns the records that were changed, by host name
 */
export async function rememberExpiries(
  { config, log, now }: Controller,
  answers: readonly ShownExpiry[],
): Promise<ReadonlyMap<string, AgentRecord>> {
  const changed = new Map<string, AgentRecord>();
  const earlier = new Map(
    answers
      .filter((answer) => endsEarlier(answer, now()))
      .map((answer) => [answer.record.hostname, answer]),
  );
  if (earlier.size === 0) return changed;
  try {
    await changeAgents(config, (record) => {
      const answer = earlier.get(record.hostname);
      // Renewed or paired since it was asked: the answer is of the certificate before.
      if (answer === undefined || answer.record.serial !== record.serial) return undefined;
      // Its life did not begin with the renewal.
      const corrected = { ...record, expiry: answer.expiry, renewed: "" };
      changed.set(record.hostname, corrected);
      return corrected;
    });
  } catch (thrown) {
    log("warning", "config-warn", { KEY: "state_dir", MSG: messageOf(thrown) });
  }
  return changed;
}

/** One that has ended already did not answer. */
function endsEarlier({ record, expiry }: ShownExpiry, now: Date): boolean {
  const shown = parseOpensslTime(expiry);
  const recorded = parseOpensslTime(record.expiry);
  return shown !== undefined && recorded !== undefined && now < shown && shown < recorded;
}
