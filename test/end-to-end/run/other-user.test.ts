/** A run that is under way, shown to a user who may read its record, and not who carries rollouts out. */
import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { runProgram } from "../../support/binary.ts";
import { TestFolder } from "../../support/folder.ts";

const REQID = "0123456789abcdef";
const NOBODY = process.getuid?.() === 0 ? 65_534 : undefined;

test("whoever may not look into the folder of rollouts is told nothing of a pause", async () => {
  using folder = new TestFolder();
  const config = folder.write("c/ctrl-exec.conf", `state_dir = ${folder.join("c/state")}\n`);
  const times = { completed: null, complete: false, started: "2026-01-01T00:00:00Z" };
  const run = { reqid: REQID, submitter: "alice", script: "s", hosts: ["a"], results: [] };
  folder.write(`c/state/runs/${REQID}.json`, JSON.stringify({ ...run, ...times }));
  folder.write(`c/state/rollouts/${REQID}.pause`, JSON.stringify({ by: "bob", since: "" }));
  for (const open of ["", "c", "c/state", "c/state/runs"]) chmodSync(folder.join(open), 0o755);
  chmodSync(folder.join("c/state/rollouts"), 0);
  const status = ["status", REQID, "--config", config, "--log", "stderr"];
  const { err } = await runProgram("ctrl-exec", status, { user: NOBODY });
  chmodSync(folder.join("c/state/rollouts"), 0o700);
  expect(err).toContain("s: 0 of 1 hosts done; no answer yet: a;");
  expect(err).not.toContain("Paused");
});
