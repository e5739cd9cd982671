/** Runs for the tests of their records. */

import type { RunFacts } from "../../../../../src/controller/store/ports/runs.ts";
import { ReplyBudget } from "../../../../../src/core/reply-budget.ts";
import type { RunResult } from "../../../../../src/core/run-result.ts";
import { jsonPieces } from "../../../../../src/core/wire/json-pieces.ts";
import type { Stage } from "./stage.ts";

export const REQID = "0123456789abcdef";

export const facts = (changes: Partial<RunFacts> = {}): RunFacts => ({
  reqid: REQID,
  script: "deploy",
  hosts: ["web-01", "web-02"],
  submitter: "alice",
  token: "",
  ...changes,
});

export const result = (host: string, changes: Partial<RunResult> = {}): RunResult =>
  ({
    host,
    script: "deploy",
    exit: 0,
    stdout: "out",
    stderr: "err",
    rtt: "1ms",
    reqid: REQID,
    state: "ended",
    ...changes,
  }) as RunResult;

/** With every long text as one. */
export async function read({ store }: Stage, reqid = REQID) {
  const account = new ReplyBudget(2 ** 30).open();
  const found = await store.runs.read(reqid, account);
  return found && (JSON.parse([...jsonPieces(found)].join("")) as typeof found);
}

/** A run that is over. */
export async function ran({ store }: Stage, run: RunFacts, ...results: readonly RunResult[]) {
  const record = await store.runs.begin(run, false);
  for (const each of results) record.add(each);
  return await record.close();
}
