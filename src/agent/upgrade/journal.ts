/**
 * How far root's part of an upgrade is. It is written before the first thing that cannot be undone by leaving it, and
 * removed after the last: whoever finds it goes on from there, after a kill -9 as after a power cut (T10).
 */
import * as z from "zod/mini";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { readJsonAs } from "../../core/json.ts";
import { type UpgradeEnd, upgradeEnd } from "../../core/release/upgrade-state.ts";
import { isRequestId } from "../../core/request-id.ts";
import { readTextIfPresent, removeIfPresent, writeWhole } from "../../system/files/files.ts";
import { journalOf, lastEndOf } from "./places.ts";

const short = z.string().check(z.maxLength(255));

const journal = z.object({
  reqid: z.string().check(z.refine(isRequestId)),
  from: short,
  to: short,
  /** SHA-256 of the new program: tells whether it is in place. */
  program: z.string().check(z.length(64)),
  /** Why the old program is being put back; undefined as long as the new one may stay. */
  failed: z.optional(z.string()),
  /** How often somebody has begun to carry it out. */
  tries: z.int(),
});
export type Journal = z.infer<typeof journal>;

type Place = Pick<AgentConfig, "upgrade_state">;

/** Others may read it: the agent tells how far it is. */
const MODE = 0o644;

/** Undefined also for one that cannot be read, which writeWhole() does not leave. */
export function readJournal(place: Place): Journal | undefined {
  return readJsonAs(journal, readTextIfPresent(journalOf(place)) ?? "");
}

/** @throws CtrlExecError `storage` */
export function writeJournal(place: Place, entry: Journal): void {
  writeWhole(journalOf(place), JSON.stringify(entry), MODE);
}

export function removeJournal(place: Place): void {
  removeIfPresent(journalOf(place));
}

export function readLastEnd(place: Place): UpgradeEnd | undefined {
  return readJsonAs(upgradeEnd, readTextIfPresent(lastEndOf(place)) ?? "");
}

/** @throws CtrlExecError `storage` */
export function writeLastEnd(place: Place, end: UpgradeEnd): void {
  writeWhole(lastEndOf(place), JSON.stringify(end), MODE);
}
