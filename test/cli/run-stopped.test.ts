/** A run whose operator does not wait for it: nothing is hidden, and what runs on the hosts runs on. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { Running } from "../support/binary.ts";
import { ControlHost, type TestAgent } from "../support/fleet.ts";
import { until } from "../support/folder.ts";

let control: ControlHost;
let slow: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  // Says that it runs, and ends when it is told to.
  const wait = 'touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; touch "$1.ended"';
  slow = await control.startAgent("web-01", { scripts: { wait } });
  await control.startAgent("db-01", { scripts: { wait: "echo quick" } });
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** A run on both hosts that has the result of one and waits for the other. */
async function halfDone(name: string, options: readonly string[] = []) {
  const mark = slow.path(name);
  const args = ["run", "web-01", "db-01", "wait", ...options, "--config", control.config];
  const run = new Running("ctrl-exec", [...args, "--log", "stderr", "--", mark]);
  await until("the script runs on web-01", () => existsSync(`${mark}.here`));
  await run.seen(/ACTION=run EXIT=0 .* TARGET=db-01/);
  return { run, mark };
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)(
  "%s: every host is told of, in the record too, and the script runs on",
  async (signal, status) => {
    const { run, mark } = await halfDone(signal);
    run.child.kill(signal);
    expect(await run.ended()).toBe(status);
    expect(run.child.signalCode).toBe(signal);
    expect(run.out).toMatch(/==> db-01 {2}\[OK .*\nquick\n/);
    const [, reqid = ""] =
      /==> web-01 {2}\[FAIL .*req:(\w+)\]\n {4}ERROR: ctrl-exec was stopped before this host answered/.exec(
        run.out,
      ) ?? [];
    expect(run.err).toContain(
      `Stopped. What has begun on a host runs on; the record: ctrl-exec status ${reqid} --config ${control.config}\n`,
    );
    expect(run.err).toMatch(
      /ACTION=run ERROR="ctrl-exec was stopped .*" REQID=\w+ SCRIPT=wait TARGET=web-01/,
    );
    const record = await control.run("status", [reqid, "--json"]);
    expect(JSON.parse(record.out)).toMatchObject({ complete: true, pending: [] });
    // The lock has gone with the process; the script has not.
    expect((await control.mustRun("list-locks", ["--json"])).out).toBe("[]\n");
    expect(existsSync(`${mark}.ended`)).toBe(false);
    control.folder.write(`web-01/${signal}.go`, "");
    await until("the script has ended by itself", () => existsSync(`${mark}.ended`));
  },
);

test("with --json the result is whole", async () => {
  const { run, mark } = await halfDone("json", ["--json"]);
  run.child.kill("SIGINT");
  expect(await run.ended()).toBe(130);
  expect(JSON.parse(run.out)).toMatchObject({
    ok: 1,
    results: [
      { host: "web-01", exit: -1, error: expect.stringContaining("was stopped") },
      { host: "db-01", exit: 0, stdout: "quick\n" },
    ],
  });
  control.folder.write("web-01/json.go", "");
  await until("the script has ended by itself", () => existsSync(`${mark}.ended`));
});

test("where there is no record, none is promised", async () => {
  const runs = control.folder.join("control", "state", "runs");
  rmSync(runs, { recursive: true, force: true });
  control.folder.write("control/state/runs", "");
  const { run } = await halfDone("unrecorded");
  run.child.kill("SIGINT");
  expect(await run.ended()).toBe(130);
  expect(run.err).toContain("ACTION=run-store-fail");
  expect(run.err).toContain("Stopped. What has begun on a host runs on\n");
  control.folder.write("web-01/unrecorded.go", "");
  rmSync(runs);
});
