/** Runs that are let go, asked for, and ended: by whoever speaks for the control host. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { newRequestId } from "../../../src/core/request-id.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { isAlive } from "../../support/processes.ts";
import {
  ask,
  controllerIdentity,
  get,
  type Identity,
  jsonOf,
  post,
} from "../../support/raw-agent.ts";
import { whileStopped } from "../../support/stopped.ts";

let control: ControlHost;
let good: Identity;
let agent: TestAgent;

const SCRIPTS = {
  hello: "echo hello; echo oops >&2; exit 3",
  waits: 'echo $$ >$1; echo begun; while ! test -e "$1.go"; do sleep 0.02; done; echo done',
  // The shell, a child, one in a session of its own, and one that hears no TERM.
  tree: `sleep 61 & echo $! >>$1
    setsid sh -c 'echo $$ >>'$1'; exec sleep 62' &
    setsid setsid env -i sh -c 'trap "" TERM; echo $$ >>'$1'; while :; do sleep 0.05; done' &
    trap 'exit 5' TERM; echo $$ >>$1; wait`,
} as const;

beforeAll(async () => {
  control = await ControlHost.create();
  good = controllerIdentity(control);
  agent = await control.startAgent("web-01", {
    scripts: SCRIPTS,
    allowlist: ["missing = /nonexistent/script"],
  });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const fresh = (() => {
  let count = 0;
  return () => control.folder.join(`file-${count++}`);
})();

const sent = (path: string, body: object) => ask(agent.port, good, post(path, body));
const cancel = async (reqid: string, more: object = {}) =>
  jsonOf(await sent("/cancel", { reqid, username: "alice", ...more }));
const result = async (reqid: string) =>
  jsonOf(await ask(agent.port, good, get(`/result/${reqid}`)));

/** Lets go of a run. */
async function detached(script: string, args: readonly string[]): Promise<string> {
  const reqid = newRequestId();
  const reply = await sent("/run", { script, args, reqid, detach: true });
  expect(reply).toMatchObject({
    status: 202,
    body: JSON.stringify({ script, status: "accepted", reqid }),
  });
  return reqid;
}

const pidsIn = (file: string) =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number) : [];

async function doneOf(reqid: string): Promise<Record<string, unknown>> {
  let last: Record<string, unknown> = {};
  await until("the run is done", async () => {
    last = await result(reqid);
    return last.status === "done";
  });
  return last;
}

test("a run is let go, listed, and its result asked for", async () => {
  const file = fresh();
  const reqid = await detached("waits", [file]);
  const started = expect.stringMatching(/^\d{4}-/);
  expect(await result(reqid)).toEqual({ status: "running", started });
  const listed = async () => jsonOf(await ask(agent.port, good, get("/runs"))).runs;
  const run = { reqid, script: "waits", username: "", state: "running" };
  expect(await listed()).toEqual([{ ...run, started: expect.any(String) }]);
  writeFileSync(`${file}.go`, "");
  expect(await doneOf(reqid)).toMatchObject({ exit: 0, stdout: "begun\ndone\n", state: "ended" });
  const later = await detached("hello", []);
  expect(await doneOf(later)).toEqual({
    status: "done",
    exit: 3,
    stdout: "hello\n",
    stderr: "oops\n",
    started: expect.stringMatching(/^\d{4}-/),
    finished: expect.stringMatching(/^\d{4}-/),
    state: "ended",
  });
  await agent.stop();
  await agent.serve();
  expect(await listed()).toMatchObject([
    { reqid: later, script: "hello", state: "ended", ended: expect.any(String) },
    { reqid, script: "waits", state: "ended" },
  ]);
  expect(await result(later)).toMatchObject({ exit: 3, stdout: "hello\n" });
});

test("what cannot be started is not accepted", async () => {
  const ask = (more: object) => sent("/run", { args: [], detach: true, ...more });
  const missing = jsonOf(await ask({ script: "missing", reqid: newRequestId() }));
  expect(missing).toMatchObject({ exit: 126, state: "never-ran" });
  expect(missing.error).toMatch(/^cannot execute \/nonexistent\/script: no such file/);
  expect(jsonOf(await ask({ script: "unlisted", reqid: newRequestId() }))).toMatchObject({
    exit: -1,
    error: "script not permitted",
  });
  expect(jsonOf(await ask({ script: "hello", reqid: "aa" }))).toMatchObject({
    exit: -1,
    state: "never-ran",
    error: "reqid is not 16 hex digits",
  });
});

test("what was never run is unknown", async () => {
  const reqid = newRequestId();
  expect(await sent("/cancel", { reqid, username: "" })).toMatchObject({ status: 404 });
  expect(await ask(agent.port, good, get(`/result/${reqid}`))).toMatchObject({ status: 404 });
  expect(await ask(agent.port, good, get("/result/../x"))).toMatchObject({ status: 404 });
  expect(await sent("/cancel", { reqid: "aa" })).toMatchObject({ status: 400 });
});

test("a run that is withdrawn does not start, and the agent says since when it knows them all", async () => {
  const withdraw = async (reqid: string) => jsonOf(await sent("/withdraw", { reqid }));
  const reqid = newRequestId();
  const first = await withdraw(reqid);
  expect(first).toEqual({ status: "withdrawn", known_for: expect.any(Number) });
  const again = await withdraw(reqid);
  expect(Number(again.known_for)).toBeGreaterThanOrEqual(Number(first.known_for));
  expect(Number(again.known_for)).toBeLessThan(60);
  const error = "this run was cancelled, or given up, before it came here";
  const refused = { exit: -1, state: "never-ran", error };
  const request = { script: "hello", args: [], reqid };
  for (const more of [{ detach: true }, { stream: 1 }, { lock: 1 }]) {
    expect(jsonOf(await sent("/run", { ...request, ...more }))).toMatchObject(refused);
  }
  expect(await sent("/withdraw", { reqid: "aa" })).toMatchObject({ status: 400 });
  expect(await withdraw(await detached("hello", []))).toEqual({ status: "known" });
});

test("T73 nobody but the trusted control host ends, lists or reads runs", async () => {
  const stranger = {
    cert: readFileSync(agent.path("agent.crt"), "utf8"),
    key: readFileSync(agent.path("agent.key"), "utf8"),
  };
  const file = fresh();
  const reqid = await detached("waits", [file]);
  for (const request of [
    post("/cancel", { reqid, username: "mallory", grace: 0 }),
    post("/withdraw", { reqid: newRequestId() }),
    get("/runs"),
    get(`/result/${reqid}`),
  ]) {
    expect(await ask(agent.port, stranger, request)).toMatchObject({ status: 403 });
  }
  expect(await result(reqid)).toMatchObject({ status: "running" });
  writeFileSync(`${file}.go`, "");
  await doneOf(reqid);
});

test("everything that a script has started is ended: what left its session, and what hears no TERM", async () => {
  const file = fresh();
  const reqid = newRequestId();
  const answer = sent("/run", { script: "tree", args: [file], reqid, lock: 1 });
  await until("all of it runs", () => pidsIn(file).length === 4);
  expect(await cancel(reqid, { grace: 1 })).toEqual({ status: "ended", left: 0 });
  expect(pidsIn(file).filter(isAlive)).toEqual([]);
  expect(jsonOf(await answer)).toMatchObject({
    exit: 5,
    cancelled: true,
    cancelled_by: "alice",
    state: "ended",
  });
  await agent.serving.seen(
    new RegExp(`ACTION=cancel LEFT=0 PEER=127.0.0.1 REQID=${reqid} SCRIPT=tree USER=alice`),
  );
  expect(await cancel(reqid)).toEqual({ status: "not-running", left: 0 });
});

test("a run that an earlier agent has started is ended too, and so is one that was being ended", async () => {
  const [file, other] = [fresh(), fresh()];
  const reqid = await detached("tree", [file]);
  const second = await detached("tree", [other]);
  await until("all of it runs", () => pidsIn(file).length + pidsIn(other).length === 8);
  void sent("/cancel", { reqid: second, grace: 1, username: "bob" }).catch(() => undefined);
  await until("it has begun to end", () => pidsIn(other).filter(isAlive).length === 1);
  await agent.stop("SIGKILL");
  await agent.serve();
  await until("the rest has ended", () => pidsIn(other).filter(isAlive).length === 0);
  expect(await doneOf(second)).toMatchObject({ exit: 5, cancelled: true, cancelled_by: "bob" });
  expect(await cancel(reqid, { grace: 1 })).toEqual({ status: "ended", left: 0 });
  expect(pidsIn(file).filter(isAlive)).toEqual([]);
  expect(await result(reqid)).toMatchObject({ status: "done", exit: 5, cancelled: true });
});

test("whoever cancels is told after a second for whom it waits: an agent may be stopped", async () => {
  const file = fresh();
  const args = ["web-01", "waits", "--detach", "--", file];
  const reqid = (await control.mustRun("run", args)).out.trim();
  await until("it runs", () => existsSync(file));
  const cancelling = ["cancel", reqid, "--grace", "0"];
  let command: Running | undefined;
  await whileStopped(agent.serving.child.pid, 0, async () => {
    command = new Running("ctrl-exec", control.withSetting(cancelling));
    await command.seen(/^Waiting for web-01: asked to end it with KILL$/m);
  });
  expect([await command?.ended(), command?.out]).toEqual([0, "web-01: ended\n"]);
});

test("a second one may shorten the grace of the first", async () => {
  const file = fresh();
  const reqid = await detached("tree", [file]);
  await until("all of it runs", () => pidsIn(file).length === 4);
  const first = cancel(reqid, { grace: 600 });
  await until("it has begun to end", () => pidsIn(file).filter(isAlive).length === 1);
  expect(await cancel(reqid, { grace: 0 })).toMatchObject({ left: 0 });
  expect(await first).toEqual({ status: "ended", left: 0 });
  expect(pidsIn(file).filter(isAlive)).toEqual([]);
});
