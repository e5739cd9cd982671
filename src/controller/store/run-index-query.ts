/** Queries of the run index. */

import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { dropUndefined } from "../../core/json.ts";
import { lookupName } from "../../core/net/host-name.ts";
import { goesOn } from "../../core/run-state.ts";
import { isoSeconds } from "../../core/time.ts";
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
}

type HostRow = Omit<ListedHost, "failed" | "cancelled"> & {
  readonly failed: number;
  readonly cancelled: number;
};

/**
 * As in stored-runs.ts: a run whose record is no longer touched has lost its process. Another process takes up a
 * detached one.
 */
const IS_LOST = `((run.silent OR run.touched < $lost)
  AND run.reqid NOT IN (SELECT value FROM json_each($detached)))`;
/** Only a host of a rollout is queued, until its batch begins. */
const STATE = `iif(run_host.state = 'queued', iif(${IS_LOST}, 'not-started', 'queued'),
  coalesce(run_host.state, iif(${IS_LOST}, 'unknown', 'running')))`;
/** Everything that has ended on the host without success. */
const FAILED = `(${STATE} NOT IN ('queued', 'running') AND coalesce(run_host.failed, TRUE))`;

/**
 * @param detached the rollouts that wait until a process goes on with them
 * @returns the runs, and the ids of those whose record is damaged
 */
export function listIndexed(
  index: Database,
  filter: RunFilter,
  detached: readonly string[],
  { run_retention }: ControllerConfig,
  now: Date,
): { readonly runs: ListedRuns["runs"]; readonly damaged: readonly string[] } {
  const $kept = now.getTime() - run_retention * 1000;
  const lost = { $lost: now.getTime() - LOST_AFTER_MS, $detached: JSON.stringify(detached) };
  const { conditions, values } = conditionsOf(filter);
  // Records give the second in which a run began: among runs of the same second, the last one written comes first.
  const found = index
    .query<RunRow, SQLQueryBindings>(
      `SELECT reqid, script, submitter, started, completed, began, touched FROM run
      WHERE ${conditions.join(" AND ")} ORDER BY began DESC, touched DESC, reqid DESC LIMIT $limit`,
    )
    .all({ ...lost, $kept, ...values });
  const hosts = index.query<HostRow, SQLQueryBindings>(
    `SELECT host, ${STATE} AS state, exit, ${FAILED} AS failed, cancelled FROM run JOIN run_host USING (reqid)
    WHERE reqid = $reqid ORDER BY position`,
  );
  const damaged = index
    .query<{ reqid: string }, SQLQueryBindings>(
      "SELECT reqid FROM run WHERE script IS NULL AND touched >= $kept ORDER BY reqid",
    )
    .all({ $kept });
  return {
    runs: found.map(({ began, touched, completed, ...run }) => {
      const ofRun = hosts
        .all({ $reqid: run.reqid, ...lost })
        .map(({ failed, cancelled, ...host }): ListedHost => {
          const exit = goesOn(host.state) ? null : host.exit;
          const told = { ...host, exit, failed: failed !== 0 };
          return cancelled === 0 ? told : { ...told, cancelled: true };
        });
      const end = ofRun.some(({ state }) => goesOn(state)) ? null : isoSeconds(new Date(touched));
      const place = { began, touched, reqid: run.reqid };
      return { ...run, completed: end && (completed ?? end), hosts: ofRun, place };
    }),
    damaged: damaged.map(({ reqid }) => reqid),
  };
}

interface Conditions {
  readonly conditions: readonly string[];
  readonly values: Record<string, string | number>;
}

function conditionsOf(filter: RunFilter): Conditions {
  const { limit, hosts, script, submitter, notBy, state, failed, since, after } = filter;
  const conditions = ["script IS NOT NULL", "touched >= $kept"];
  const ofHost: string[] = [];
  if (script !== undefined) conditions.push("script = $script");
  if (submitter !== undefined) conditions.push("submitter = $submitter");
  if (notBy !== undefined) {
    conditions.push("submitter NOT IN (SELECT value FROM json_each($notBy))");
  }
  if (since !== undefined) conditions.push("began >= $since");
  if (after !== undefined) {
    conditions.push("(began, touched, reqid) < ($began, $touched, $reqid)");
  }
  if (hosts !== undefined) ofHost.push("name IN (SELECT value FROM json_each($names))");
  if (state !== undefined) ofHost.push(`${STATE} = $state`);
  if (failed) ofHost.push(FAILED);
  if (ofHost.length > 0) {
    const some = `SELECT 1 FROM run_host WHERE run_host.reqid = run.reqid AND ${ofHost.join(" AND ")}`;
    conditions.push(`EXISTS (${some})`);
  }
  const values = dropUndefined({
    $limit: limit,
    $script: script,
    $submitter: submitter,
    $notBy: notBy === undefined ? undefined : JSON.stringify(notBy),
    $since: since?.getTime(),
    $began: after?.began,
    $touched: after?.touched,
    $reqid: after?.reqid,
    $names: hosts && JSON.stringify(hosts.map(lookupName)),
    $state: state,
  });
  return { conditions, values };
}
