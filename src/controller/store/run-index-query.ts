/** Queries of the run index. */

import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { dropUndefined } from "../../core/json.ts";
import { lookupName } from "../../core/net/host-name.ts";
import { goesOn } from "../../core/run-state.ts";
import { isoSeconds } from "../../core/time.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { ListedHost, ListedRuns, RunFilter } from "./ports/runs.ts";
import { LOST_AFTER_MS } from "./run-record.ts";

interface RunRow {
  readonly reqid: string;
  readonly script: string;
  readonly submitter: string;
  readonly started: string;
  readonly completed: string | null;
  readonly began: number;
  readonly touched: number;
  readonly isLost: number;
  readonly check_of: string | null;
}

type HostRow = Omit<ListedHost, "failed" | "cancelled"> & {
  readonly failed: number;
  readonly cancelled: number;
};

/** Few enough for the event loop to wait for. */
const HOSTS_AT_ONCE = 200;

const FEW_NAMES = 100;

/**
 * As in stored-runs.ts: a run whose record is no longer touched has lost its process. Another process takes up a
 * detached one.
 */
const IS_LOST = `((silent OR touched < $lost)
  AND reqid NOT IN (SELECT value FROM json_each($detached)))`;
/** Of a host. Only one of a rollout is queued, until its batch begins. */
const STATE = `iif(state = 'queued', iif($isLost, 'not-started', 'queued'),
  coalesce(state, iif($isLost, 'unknown', 'running')))`;
/** Everything that has ended on the host without success. */
const FAILED = `(${STATE} NOT IN ('queued', 'running') AND coalesce(failed, TRUE))`;

/**
 * The event loop turns every few milliseconds: a list may have a million hosts (100 runs of 10,000). Nothing else may
 * change the index meanwhile.
 *
 * @param detached the rollouts that wait until a process goes on with them
 * @returns the runs, and the ids of those whose record is damaged
 */
export async function listIndexed(
  index: Database,
  filter: RunFilter,
  detached: readonly string[],
  { run_retention }: ControllerConfig,
  now: Date,
): Promise<{ readonly runs: ListedRuns["runs"]; readonly damaged: readonly string[] }> {
  const $kept = now.getTime() - run_retention * 1000;
  const lost = { $lost: now.getTime() - LOST_AFTER_MS, $detached: JSON.stringify(detached) };
  const found = await newestOf(index, filter, { $kept, ...lost });
  const damaged = index
    .query<{ reqid: string }, SQLQueryBindings>(
      "SELECT reqid FROM run WHERE script IS NULL AND touched >= $kept ORDER BY reqid",
    )
    .all({ $kept });
  const hostsOf = await hostsOfEach(index, found);
  return {
    runs: found.map(({ began, touched, completed, check_of, isLost: _, ...run }) => {
      const hosts = hostsOf.get(run.reqid) ?? [];
      const end = hosts.some(({ state }) => goesOn(state)) ? null : isoSeconds(new Date(touched));
      const place = { began, touched, reqid: run.reqid };
      const check = check_of === null ? {} : { check_of };
      return { ...run, completed: end && (completed ?? end), hosts, ...check, place };
    }),
    damaged: damaged.map(({ reqid }) => reqid),
  };
}

async function newestOf(
  index: Database,
  filter: RunFilter,
  times: Record<string, string | number>,
): Promise<readonly RunRow[]> {
  const { conditions, values } = conditionsOf(filter);
  // Older records give the second in which a run began: among runs of one time, the last one written comes first.
  const rows = index
    .query<RunRow, SQLQueryBindings>(
      `SELECT reqid, script, submitter, started, completed, began, touched, check_of,
        ${IS_LOST} AS isLost FROM run
      WHERE ${conditions.join(" AND ")} ORDER BY began DESC, touched DESC, reqid DESC`,
    )
    .iterate({ ...times, ...values });
  const isWanted = await ofHosts(index, filter);
  const found: RunRow[] = [];
  await inSlices(
    asLong(rows, () => found.length < filter.limit),
    (run) => {
      if (isWanted(run)) found.push(run);
    },
  );
  return found;
}

function* asLong<Item>(items: Iterable<Item>, isWanted: () => boolean): Generator<Item> {
  for (const item of items) {
    yield item;
    if (!isWanted()) return;
  }
}

async function hostsOfEach(
  index: Database,
  runs: readonly RunRow[],
): Promise<ReadonlyMap<string, readonly ListedHost[]>> {
  const query = index.query<HostRow, SQLQueryBindings>(
    `SELECT host, ${STATE} AS state, exit, ${FAILED} AS failed, cancelled FROM run_host
    WHERE reqid = $reqid AND position >= $from ORDER BY position LIMIT ${HOSTS_AT_ONCE}`,
  );
  const hostsOf = new Map<string, readonly ListedHost[]>();
  await inSlices(reading());
  return hostsOf;

  function* reading(): Generator<void> {
    for (const { reqid, isLost } of runs) {
      const hosts: ListedHost[] = [];
      hostsOf.set(reqid, hosts);
      let $from = 0;
      do {
        const rows = query.all({ $reqid: reqid, $isLost: isLost, $from });
        for (const row of rows) hosts.push(listedHost(row));
        $from += HOSTS_AT_ONCE;
        yield;
      } while (hosts.length === $from);
    }
  }
}

function listedHost({ host, state, exit, failed, cancelled }: HostRow): ListedHost {
  const told = { host, state, exit: goesOn(state) ? null : exit, failed: failed !== 0 };
  return cancelled === 0 ? told : { ...told, cancelled: true };
}

interface Conditions {
  readonly conditions: readonly string[];
  readonly values: Record<string, string | number>;
}

function conditionsOf(filter: RunFilter): Conditions {
  const { script, submitter, notBy, since, after } = filter;
  const conditions = ["script IS NOT NULL", "touched >= $kept"];
  if (script !== undefined) conditions.push("script = $script");
  if (submitter !== undefined) conditions.push("submitter = $submitter");
  if (notBy !== undefined) {
    conditions.push("submitter NOT IN (SELECT value FROM json_each($notBy))");
  }
  if (since !== undefined) conditions.push("began >= $since");
  if (after !== undefined) {
    conditions.push("(began, touched, reqid) < ($began, $touched, $reqid)");
  }
  const values = dropUndefined({
    $script: script,
    $submitter: submitter,
    $notBy: notBy === undefined ? undefined : JSON.stringify(notBy),
    $since: since?.getTime(),
    $began: after?.began,
    $touched: after?.touched,
    $reqid: after?.reqid,
  });
  return { conditions, values };
}

/** Asked for each run alone: a single question about all hosts of all runs would block the event loop. */
async function ofHosts(
  index: Database,
  { hosts, state, failed }: RunFilter,
): Promise<(run: RunRow) => boolean> {
  const conditions: string[] = [];
  // Each of a few names is looked for among the hosts of a run; with many, each host of the run among the names.
  const looked = hosts !== undefined && hosts.length <= FEW_NAMES ? "INDEXED BY run_host_name" : "";
  if (hosts !== undefined) {
    await noteWanted(index, hosts);
    const name = looked === "" ? "+name" : "name";
    conditions.push(`${name} IN (SELECT name FROM wanted)`);
  }
  if (state !== undefined) conditions.push(`${STATE} = $state`);
  if (failed) conditions.push(FAILED);
  if (conditions.length === 0) return () => true;
  const query = index.query<unknown, SQLQueryBindings>(
    `SELECT 1 FROM run_host ${looked} WHERE reqid = $reqid AND ${conditions.join(" AND ")} LIMIT 1`,
  );
  const values = dropUndefined({ $state: state });
  return ({ reqid, isLost }) => query.get({ $reqid: reqid, $isLost: isLost, ...values }) !== null;
}

/** In a table that is gone when the index is closed. */
async function noteWanted(index: Database, hosts: readonly string[]): Promise<void> {
  index.run("PRAGMA temp_store = MEMORY");
  index.run("CREATE TEMP TABLE IF NOT EXISTS wanted (name TEXT PRIMARY KEY) WITHOUT ROWID");
  index.run("DELETE FROM wanted");
  const add = index.query("INSERT OR IGNORE INTO wanted VALUES (?)");
  await inSlices(hosts, (host) => {
    add.run(lookupName(host));
  });
}
