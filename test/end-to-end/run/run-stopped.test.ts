/** A run whose operator does not wait for it: nothing is hidden, and what runs on the hosts runs on. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, rmSync, utimesSync } from "node:fs";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { Peer } from "../../support/peers.ts";

let control: ControlHost;
let slow: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  // Says that it runs, and ends when it is told to.
  const wait =
    'echo begun; touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; touch "$1.ended"';
  slow = await control.startAgent("web-01", { scripts: { wait } });
  await control.startAgent("db-01", { scripts: { wait: "echo quick" } });
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** A run on both hosts that has the result of one, and has heard that the script has begun on the other. */
async function halfDone(name: string, view: "--live" | "--json-stream" = "--live") {
  const mark = slow.path(name);
  const args = ["run", "web-01", "db-01", "wait", view, "--config", control.config];
  const run = new Running("ctrl-exec", [...args, "--log", "stderr", "--", mark]);
  await run.outSeen(view === "--live" ? /web-01 \| begun\n/ : /"host":"web-01".*"begun/);
  await run.seen(/ACTION=run EXIT=0 .* TARGET=db-01/);
  return { run, mark };
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)(
  "%s: every host is reported, in the record too, and the script runs on",
  async (signal, status) => {
    const { run, mark } = await halfDone(signal);
    run.child.kill(signal);
    expect(await run.ended()).toBe(status);
    expect(run.child.signalCode).toBe(signal);
    expect(run.out).toContain("db-01  | quick\n");
    expect(run.out).toMatch(/==> db-01 {2}\[OK /);
    const [, reqid = ""] =
      /==> web-01 {2}\[RUNNING .*req:(\w+)\]\n {4}ERROR: ctrl-exec was stopped before .*\n/.exec(
        run.out,
      ) ?? [];
    expect(run.err).toContain(
      `Stopped waiting. Scripts that have started keep running.\nTo wait for it: ctrl-exec wait ${reqid} --config ${control.config}\n`,
    );
    expect(run.err).toMatch(
      /ACTION=run ERROR="ctrl-exec was stopped .*" HOST=web-01 REQID=\w+ SCRIPT=wait STATE=running TARGET=web-01/,
    );
    expect(run.out).toMatch(/^==> web-01 {2}\[RUNNING {2}req:/m);
    const told = await control.run("status", [reqid]);
    expect(told.err).toMatch(
      /^wait: 1 of 2 hosts done; running: web-01; started at \d{4}-\d\d-\d\dT[\d:]+Z\n$/,
    );
    const record = await control.run("status", [reqid, "--json"]);
    expect(JSON.parse(record.out)).toMatchObject({
      complete: false,
      pending: ["web-01"],
      results: [
        { host: "web-01", state: "running" },
        { host: "db-01", state: "ended" },
      ],
    });
    // The lock has gone with the process; the script has not.
    expect((await control.mustRun("list-locks", ["--json"])).out).toBe("[]\n");
    expect(existsSync(`${mark}.ended`)).toBe(false);
    control.folder.write(`web-01/${signal}.go`, "");
    await until("the script has ended by itself", () => existsSync(`${mark}.ended`));
  },
);

test("with --json-stream too, and how to come back", async () => {
  const { run, mark } = await halfDone("json", "--json-stream");
  run.child.kill("SIGINT");
  expect(await run.ended()).toBe(130);
  const events = run.out.trimEnd().split("\n");
  const ends = events.map((line) => JSON.parse(line)).filter(({ event }) => event === "end");
  expect(ends).toMatchObject([
    { host: "db-01", exit: 0, state: "ended" },
    { host: "web-01", exit: -1, state: "running", error: expect.stringContaining("was stopped") },
  ]);
  const { reqid } = ends[0];
  expect(JSON.parse(events.at(-1) ?? "")).toMatchObject({
    event: "summary",
    outcomes: { ok: 1, running: 1 },
    hint: expect.stringContaining(`ctrl-exec wait ${reqid} --config ${control.config}\n`),
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
  expect(run.err).toContain("Stopped waiting. Scripts that have started keep running.\n");
  expect(run.err).not.toContain("To wait for it");
  control.folder.write("web-01/unrecorded.go", "");
  rmSync(runs);
});

test("a host that was not asked yet never ran, and is not asked any more", async () => {
  await using silent = await Peer.tcp(() => undefined);
  const mark = slow.path("unasked");
  const hosts = ["web-01", `127.0.0.1:${silent.port}`];
  const args = ["run", ...hosts, "wait", "--json-stream", "--config", control.config];
  const run = new Running("ctrl-exec", [...args, "--log", "stderr", "--", mark]);
  await run.outSeen(/"begun/);
  await until("the silent host was dialled", () => silent.connections > 0);
  run.child.kill("SIGINT");
  expect(await run.ended()).toBe(130);
  const events = run.out.trimEnd().split("\n");
  const results = events.map((line) => JSON.parse(line)).filter(({ event }) => event === "end");
  expect(results).toMatchObject([
    { host: "web-01", state: "running" },
    {
      host: "127.0.0.1",
      exit: -1,
      state: "never-ran",
      error: "ctrl-exec was stopped before this host was asked",
    },
  ]);
  const record = await control.run("status", [results[0].reqid, "--json"]);
  expect(JSON.parse(record.out).results).toMatchObject([
    { state: "running" },
    { state: "never-ran", error: results[1].error },
  ]);
  control.folder.write("web-01/unasked.go", "");
  await until("the script has ended by itself", () => existsSync(`${mark}.ended`));
});

test("kill -9: how it is on the hosts that had no result is asked of their agents", async () => {
  const { run, mark } = await halfDone("killed");
  const [, reqid = ""] = /ACTION=dispatch .* REQID=(\w+)/.exec(run.err) ?? [];
  await until("the result of db-01 is recorded", async () => {
    const { out } = await control.run("status", [reqid, "--json"]);
    return JSON.parse(out).pending.join() === "web-01";
  });
  run.child.kill("SIGKILL");
  await run.ended();
  // As if a minute had passed, in which the process would have touched it.
  const past = new Date(Date.now() - 61_000);
  utimesSync(control.folder.join("control", "state", "runs", `${reqid}.json`), past, past);
  const record = await control.run("status", [reqid, "--json"]);
  expect(JSON.parse(record.out)).toMatchObject({
    complete: false,
    results: [
      { host: "web-01", state: "running", exit: -1 },
      { host: "db-01", state: "ended", exit: 0 },
    ],
  });
  control.folder.write("web-01/killed.go", "");
  await until("the script has ended by itself", () => existsSync(`${mark}.ended`));
});

test("an agent that is killed under the script: the script may go on, so nobody says that it did not run", async () => {
  const { run, mark } = await halfDone("agent");
  await slow.stop("SIGKILL");
  // It asks for the rest meanwhile, and nobody answers.
  run.child.kill("SIGINT");
  expect(await run.ended()).toBe(130);
  expect(run.out).toMatch(/==> web-01 {2}\[RUNNING {2}.*\n {4}ERROR: .*\n/);
  expect(existsSync(`${mark}.ended`)).toBe(false);
  control.folder.write("web-01/agent.go", "");
  await until("the script has ended by itself", () => existsSync(`${mark}.ended`));
  await slow.serve();
});
