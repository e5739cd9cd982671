/** Whoever else the API serves has a turn while runs on many hosts are indexed and listed. */
import type { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { openIndexInMemory } from "../../../../src/controller/store/run-index-file.ts";
import { listIndexed } from "../../../../src/controller/store/run-index-query.ts";
import { refreshRunIndex } from "../../../../src/controller/store/run-index-refresh.ts";
import {
  type ControllerConfig,
  parseControllerConfig,
} from "../../../../src/core/config/controller-config.ts";
import { TestFolder } from "../../../support/folder.ts";
import { betweenTurns } from "../../../support/turns.ts";

const HOSTS = 800;
const RUNS = 3;
/** Of what is done in pieces: three of them, and what is before and after. */
const MOST_ROWS = 500;

let folder: TestFolder;
let config: ControllerConfig;
let index: Database;

beforeEach(async () => {
  folder = new TestFolder();
  ({ config } = await parseControllerConfig(folder.join("c.conf"), `state_dir = ${folder.path}\n`));
  index = openIndexInMemory();
  mkdirSync(folder.join("runs"));
  const hosts = Array.from({ length: HOSTS }, (_, number) => `web-${number}`);
  for (let number = 0; number < RUNS; number += 1) {
    const reqid = `000000000000000${number}`;
    const started = "2026-01-01T00:00:00Z";
    const run = { reqid, script: "deploy", submitter: "alice", hosts, results: [], started };
    folder.write(`runs/${reqid}.json`, JSON.stringify(run));
  }
});
afterEach(() => {
  index.close();
  folder[Symbol.dispose]();
});

const refresh = () => refreshRunIndex(index, folder.join("runs"), 2 ** 20);
const list = (filter = {}) => listIndexed(index, { limit: 10, ...filter }, [], config, new Date());

/** Rows that were added, changed or removed up to now. */
function changedRows(): number {
  const query = index.query<{ rows: number }, []>("SELECT total_changes() AS rows");
  return query.get()?.rows ?? 0;
}

test("hosts are added to the index a few at a time, and those of records that have gone are removed so", async () => {
  const added = await betweenTurns(refresh, changedRows);
  expect((await list()).runs.map(({ hosts }) => hosts.length)).toEqual([HOSTS, HOSTS, HOSTS]);
  rmSync(folder.join("runs"), { recursive: true });
  const before = changedRows();
  const removed = await betweenTurns(refresh, changedRows);
  expect(changedRows() - before).toBeGreaterThanOrEqual(RUNS * HOSTS);
  expect((await list()).runs).toEqual([]);
  for (const { most } of [added, removed]) expect(most).toBeLessThan(MOST_ROWS);
});

test("what a killed process has half removed goes, too", async () => {
  await refresh();
  index.run("UPDATE run SET version = ''");
  index.run("DELETE FROM run_host WHERE position < 300");
  rmSync(folder.join("runs"), { recursive: true });
  await refresh();
  expect(index.query("SELECT * FROM run_host").all()).toEqual([]);
});

test("a run's hosts are listed a few at a time, and so are many runs", async () => {
  await refresh();
  const { turns } = await betweenTurns(list, () => 0);
  expect(turns).toBeGreaterThan((RUNS * HOSTS) / MOST_ROWS);
  const none = await betweenTurns(
    () => list({ hosts: ["no-such-host"] }),
    () => 0,
  );
  expect(none.turns).toBeGreaterThanOrEqual(RUNS / 3);
});
