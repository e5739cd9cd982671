/** What is said of hosts when a run was let go. */
import { expect, test } from "bun:test";
import { letGoView } from "../../../../src/cli/render/let-go.ts";
import { withoutResult } from "../../../../src/core/run-result.ts";
import { type RunState, runEnd } from "../../../../src/core/run-state.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const REQID = "a1b2c3d4e5f60718";
const OWN = { file: "/etc/ctrl-exec/ctrl-exec.conf", pairing_port: 7444 };

async function said(state: RunState, error?: string): Promise<string> {
  const kept = new KeptIo({});
  const result = withoutResult({ script: "x", reqid: REQID }, "web-01", "", runEnd(state, error));
  await letGoView(kept.io, OWN).close({ reqid: REQID, results: [result], recorded: true }, 9);
  expect(kept.out).toBe(`${REQID}\n`);
  return kept.err;
}

test("a host that has started it: nothing", async () => {
  expect(await said("running")).toBe("");
});

test("a host that did not start it, and one that did not say", async () => {
  expect(await said("never-ran", "connection refused")).toStartWith(
    "ctrl-exec: web-01 did not accept the run: connection refused",
  );
  expect(await said("unknown", "read timeout after 3s")).toBe(
    "ctrl-exec: web-01 did not say whether it has started the script: read timeout after 3s; an agent older than 1.1 answers only when the script has ended\n",
  );
});
