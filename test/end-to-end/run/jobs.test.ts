/** A run outlives the agent that started it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { newRequestId } from "../../../src/core/request-id.ts";
import { programPath } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import {
  ask,
  controllerIdentity,
  get,
  type Identity,
  jsonOf,
  post,
} from "../../support/raw-agent.ts";

let control: ControlHost;
let good: Identity;
let agent: TestAgent;

const SCRIPTS = {
  never: "echo done",
  // A line, then lines until it may go on.
  printing:
    'echo begun; touch $1; n=0; while ! test -e $2; do n=$((n+1)); echo $n; sleep 0.01; done; echo "last $n"; exit 7',
  silent:
    "touch $1; while ! test -e $2; do sleep 0.01; done; head -c 300000 /dev/zero | tr '\\0' x; touch $3; sleep 0.2; exit 3",
  reopens: "echo one >&2; echo two >/dev/stderr; echo three >/dev/stdout; echo four >&2",
  exits137: "exit 137",
  killed: "kill -KILL $$",
  kills: "touch $1; kill -KILL $2; while ! test -e $3; do sleep 0.01; done; echo survived",
  sleeps: "touch $1; echo $$ >$1; exec sleep 60",
  floods: "head -c 400000 /dev/zero | tr '\\0' y",
  context: "cat",
  // One in a session of its own, then itself.
  leaves: `setsid setsid env -i sh -c 'echo $$ >>'$1'; exec sleep 60' &
    until test -e $1; do sleep 0.01; done; echo $$ >>$1; exec sleep 60`,
} as const;

beforeAll(async () => {
  control = await ControlHost.create();
  good = controllerIdentity(control);
  agent = await control.startAgent("web-01", { scripts: SCRIPTS });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const fresh = (() => {
  let count = 0;
  return () => control.folder.join(`file-${count++}`);
})();

const touch = (path: string) => writeFileSync(path, "");

async function run(script: string, args: readonly string[] = [], more: object = {}, on = agent) {
  const request = { script, args, reqid: newRequestId(), ...more };
  return jsonOf(await ask(on.port, good, post("/run", request)));
}

/** Starts a run and goes away. */
function start(script: string, args: readonly string[], on = agent): string {
  const reqid = newRequestId();
  void ask(on.port, good, post("/run", { script, args, reqid })).catch(() => undefined);
  return reqid;
}

const folderOfJobs = (on = agent) => join(on.config, "..", "jobs");

/** The folder of a run's job. */
function folderOf(reqid: string, on = agent): string {
  const jobs = folderOfJobs(on);
  const found = readdirSync(jobs).find((name) => {
    return knownIn(join(jobs, name)).request?.reqid === reqid;
  });
  if (found === undefined) throw new Error(`no job of ${reqid}`);
  return join(jobs, found);
}

/** What its folder says of a job. */
function knownIn(folder: string) {
  try {
    const lines = readFileSync(join(folder, "job.jsonl"), "utf8").trim().split("\n");
    return Object.assign({}, ...lines.map((line) => JSON.parse(line)));
  } catch {
    return {};
  }
}

const endOf = (folder: string) => knownIn(folder).end;
const isLogged = (folder: string) => knownIn(folder).logged === true;
const output = (folder: string, stream = "stdout") => readFileSync(join(folder, stream), "utf8");

const pidsIn = (file: string) =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number) : [];

function runs(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ");
  } catch {
    return false;
  }
}

async function crash(on = agent): Promise<void> {
  await on.stop("SIGKILL");
}

test("the agent is killed while a script prints: every line is there, its end is true and logged", async () => {
  const [begun, go] = [fresh(), fresh()];
  const reqid = start("printing", [begun, go]);
  await until("it runs", () => existsSync(begun));
  await crash();
  const folder = folderOf(reqid);
  const length = output(folder).length;
  await until("it prints on", () => output(folder).length > length);
  await agent.serve();
  touch(go);
  await agent.serving.seen(
    new RegExp(`ACTION=run EXIT=7 PEER=127.0.0.1 REQID=${reqid} SCRIPT=printing`),
  );
  const lines = output(folder).trimEnd().split("\n");
  const last = Number(/^last (\d+)$/.exec(lines.at(-1) ?? "")?.[1]);
  expect(lines).toEqual([
    "begun",
    ...Array.from({ length: last }, (_, n) => `${n + 1}`),
    `last ${last}`,
  ]);
  expect(endOf(folder)).toMatchObject({
    state: "ended",
    exit: 7,
    stdout_bytes: output(folder).length,
  });
});

test("what ends while there is no agent is logged by the next one, once", async () => {
  const [begun, go, printed] = [fresh(), fresh(), fresh()];
  const reqid = start("silent", [begun, go, printed]);
  await until("it runs", () => existsSync(begun));
  await crash();
  touch(go);
  await until("it has printed more than a pipe holds", () => existsSync(printed));
  const folder = folderOf(reqid);
  await until("its end is written", () => endOf(folder) !== undefined);
  expect(endOf(folder)).toMatchObject({ state: "ended", exit: 3, stdout_bytes: 300_000 });
  expect(output(folder)).toBe("x".repeat(300_000));
  const line = `ACTION=run EXIT=3 PEER=127.0.0.1 REQID=${reqid} SCRIPT=silent`;
  await agent.serve();
  await agent.serving.seen(new RegExp(line));
  await agent.stop();
  await agent.serve();
  expect((await run("never")).exit).toBe(0);
  expect(agent.serving.err).not.toContain(line);
});

test("SIGTERM ends the agent and not the script", async () => {
  const [begun, go] = [fresh(), fresh()];
  const reqid = start("printing", [begun, go]);
  await until("it runs", () => existsSync(begun));
  const stopped = agent.stop();
  touch(go);
  await stopped;
  await agent.serve();
  await until("its end is there", () => isLogged(folderOf(reqid)));
  expect(endOf(folderOf(reqid))).toMatchObject({ exit: 7 });
});

test("a script kills the agent that runs it, and goes on", async () => {
  const [begun, go] = [fresh(), fresh()];
  const { child } = agent.serving;
  const reqid = start("kills", [begun, String(child.pid), go]);
  await child.exited;
  await agent.serve();
  touch(go);
  await agent.serving.seen(new RegExp(`ACTION=run EXIT=0 .*REQID=${reqid}`));
  expect(output(folderOf(reqid))).toBe("survived\n");
});

test("a script replaces its agent by one that it starts itself", async () => {
  const upgrade = control.folder.script(
    "web-02/scripts/upgrade.sh",
    `kill -TERM $1; while kill -0 $1 2>/dev/null; do sleep 0.02; done
    ${programPath("ctrl-exec-agent")} serve --config $2 --log stderr >$3.out 2>$3.log </dev/null &
    echo $! >$3.pid; while ! test -s $3.go; do sleep 0.02; done; echo upgraded`,
  );
  const other = await control.startAgent("web-02", {
    scripts: { never: "echo done" },
    allowlist: [`upgrade = ${upgrade}`],
  });
  const files = fresh();
  // It waits for the answer for ten seconds, then hangs up.
  const first = other.serving.child;
  const reqid = start("upgrade", [String(first.pid), other.config, files], other);
  await first.exited;
  await until("the new one listens", () => {
    return existsSync(`${files}.log`) && /ACTION=start/.test(readFileSync(`${files}.log`, "utf8"));
  });
  expect((await run("never", [], {}, other)).exit).toBe(0);
  writeFileSync(`${files}.go`, "go\n");
  await until("its end is logged", () => {
    return readFileSync(`${files}.log`, "utf8").includes(
      `ACTION=run EXIT=0 PEER=127.0.0.1 REQID=${reqid}`,
    );
  });
  expect(output(folderOf(reqid, other))).toBe("upgraded\n");
  process.kill(Number(readFileSync(`${files}.pid`, "utf8")), "SIGTERM");
}, 60_000);

test("a stream that the script opens again by its name loses nothing", async () => {
  expect(await run("reopens")).toMatchObject({ stdout: "three\n", stderr: "one\ntwo\nfour\n" });
});

test("exit 137 is not a signal, and SIGKILL is not an exit status", async () => {
  const exited = await run("exits137", [], { lock: 1 });
  expect(exited).toMatchObject({ exit: 137, state: "ended" });
  expect(exited).not.toHaveProperty("signal");
  expect(await run("killed", [], { lock: 1 })).toMatchObject({
    exit: 126,
    signal: "SIGKILL",
    state: "ended",
  });
});

test("a request id is used once, by a control host that knows jobs", async () => {
  const request = { reqid: newRequestId(), lock: 1 };
  expect(await run("never", [], request)).toMatchObject({ exit: 0, stdout: "done\n" });
  const again = { exit: -1, state: "never-ran", error: "reqid already used" };
  expect(await run("never", [], request)).toMatchObject(again);
  await agent.stop();
  await agent.serve();
  expect(await run("never", [], request)).toMatchObject(again);
  const line = new RegExp(`ACTION=deny .*REASON="reqid already used" REQID=${request.reqid}`);
  await agent.serving.seen(line);
  // One of 1.0 may know a host by two names, and ask it under both.
  const { reqid } = request;
  expect(await run("never", [], { reqid })).toMatchObject({ exit: 0, stdout: "done\n" });
});

test("a script that runs is busy for whoever asks for a lock, and for nobody else", async () => {
  const [begun, go] = [fresh(), fresh()];
  const reqid = start("printing", [begun, go]);
  await until("it runs", () => existsSync(begun));
  const ask409 = async () => {
    const request = { script: "printing", args: [fresh(), go], reqid: newRequestId(), lock: 1 };
    return await ask(agent.port, good, post("/run", request));
  };
  expect(await ask409()).toMatchObject({
    status: 409,
    body: JSON.stringify({ error: "busy", reqid }),
  });
  await crash();
  await agent.serve();
  expect(await ask409()).toMatchObject({
    status: 409,
    body: JSON.stringify({ error: "busy", reqid }),
  });
  expect(await run("never", [], { lock: 1 })).toMatchObject({ exit: 0 });
  touch(go);
  await until("it has ended", () => isLogged(folderOf(reqid)));
  expect(await ask409()).toMatchObject({ status: 200 });
});

test("the control host may ask for an earlier end", async () => {
  expect(await run("sleeps", [fresh()], { timeout: 1 })).toMatchObject({
    exit: 126,
    signal: "SIGTERM",
    timed_out: true,
    error: "script timed out after 1s and was ended",
  });
});

test("a run leaves a trace when it starts", async () => {
  const [begun, go] = [fresh(), fresh()];
  const reqid = start("printing", [begun, go]);
  await agent.serving.seen(
    new RegExp(`ACTION=run-start PEER=127.0.0.1 REQID=${reqid} SCRIPT=printing`),
  );
  expect(agent.serving.err).not.toContain(`EXIT=7 PEER=127.0.0.1 REQID=${reqid}`);
  touch(go);
  await agent.serving.seen(new RegExp(`ACTION=run EXIT=7 PEER=127.0.0.1 REQID=${reqid}`));
});

test("T71 nobody else can open what a run leaves, and the token is in none of it", async () => {
  const reqid = newRequestId();
  const shown = await run("context", ["an arg"], {
    reqid,
    token: "s3cr3t-t0ken",
    username: "alice",
  });
  expect(String(shown.stdout)).toContain("s3cr3t-t0ken");
  const folder = folderOf(reqid);
  const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);
  expect(mode(folderOfJobs())).toBe("700");
  expect(mode(folder)).toBe("700");
  for (const file of readdirSync(folder))
    expect([file, mode(join(folder, file))]).toEqual([file, "600"]);
  expect(readFileSync(join(folder, "job.jsonl"), "utf8")).not.toContain("s3cr3t");
  expect(readdirSync(folder).sort()).toEqual(["job.jsonl", "stdout", "stdout.tokens"]);
  expect(readFileSync(join(folder, "stdout.tokens"), "utf8")).toMatch(/^\n\d+ \d+$/);
  // A file of its own for each costs more than the script.
  await until("it is logged", () => isLogged(folder));
  const quick = newRequestId();
  await run("exits137", [], { reqid: quick });
  expect(readdirSync(folderOf(quick))).toEqual(["job.jsonl"]);
});

/** The shim under which the run's script runs. */
function shimOf(reqid: string, on = agent): number {
  return knownIn(folderOf(reqid, on)).request.shim.pid;
}

/** It runs, and its folder says so: that it does of scripts that have not ended at once. */
async function untilKnown(reqid: string, pidFile: string): Promise<void> {
  await until("it runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "");
  await until("its folder says so", () => knownIn(folderOf(reqid)).start !== undefined);
}

test("its shim is killed: the run is lost, and says so", async () => {
  const pidFile = fresh();
  const request = { script: "sleeps", args: [pidFile], reqid: newRequestId(), lock: 1 };
  const answer = ask(agent.port, good, post("/run", request));
  await untilKnown(request.reqid, pidFile);
  const shim = shimOf(request.reqid);
  expect(readFileSync(`/proc/${shim}/comm`, "utf8")).toBe("ctrl-exec-shim\n");
  process.kill(shim, "SIGKILL");
  const error = "ctrl-exec-shim, which watched it, was killed: it may still run";
  expect(jsonOf(await answer)).toMatchObject({ exit: -1, state: "unknown", error });
  expect(endOf(folderOf(request.reqid))).toMatchObject({ state: "lost", exit: -1, error });
  await agent.serving.seen(
    new RegExp(`ACTION=run ERROR="ctrl-exec-shim, .*" EXIT=-1 .*REQID=${request.reqid}`),
  );
  expect(await run("never")).toMatchObject({ exit: 0, stdout: "done\n" });
  process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
});

test("its shim is killed while there is no agent, and the host goes down: both are lost", async () => {
  const pidFile = fresh();
  const reqid = start("sleeps", [pidFile]);
  await untilKnown(reqid, pidFile);
  await crash();
  process.kill(shimOf(reqid), "SIGKILL");
  process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
  const { request } = knownIn(folderOf(reqid));
  const before = { ...request, reqid: newRequestId(), shim: { ...request.shim, boot: "another" } };
  const folder = join(folderOfJobs(), "0".repeat(32));
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, "job.jsonl"), JSON.stringify({ request: before }));
  await agent.serve();
  await agent.serving.seen(new RegExp(`ACTION=run ERROR="ctrl-exec-shim, .*REQID=${reqid}`));
  await agent.serving.seen(
    new RegExp(
      `ACTION=run ERROR="this host went down while it ran" EXIT=-1 .*REQID=${before.reqid}`,
    ),
  );
  expect(endOf(folder)).toMatchObject({ state: "lost", started: "", stdout_bytes: 0 });
});

test("T22 the disk fills up under a run, or its folder is removed: the answer and the log have its end", async () => {
  const full = await control.addAgent("web-07", { scripts: SCRIPTS });
  await full.pair();
  // What goes beyond its limit does not end it.
  await full.serve({ blocks: 1_000_000 });
  const begin = async () => {
    const [begun, go] = [fresh(), fresh()];
    const request = { script: "printing", args: [begun, go], reqid: newRequestId() };
    const answer = ask(full.port, good, post("/run", request));
    await until("it runs", () => existsSync(begun));
    const folder = folderOf(request.reqid, full);
    return { ...request, go, answer, folder };
  };
  const limit = (pid: number, bytes: string) =>
    Bun.spawnSync(["prlimit", `--fsize=${bytes}`, `--pid=${pid}`]);
  const disk = await begin();
  const both = [full.serving.child.pid, shimOf(disk.reqid, full)];
  for (const pid of both) limit(pid, "0:");
  touch(disk.go);
  await full.serving.seen(new RegExp(`ACTION=run EXIT=7 .*REQID=${disk.reqid}`));
  expect(endOf(disk.folder)).toBeUndefined();
  expect(jsonOf(await disk.answer)).toMatchObject({ exit: 7 });
  const result = jsonOf(await ask(full.port, good, get(`/result/${disk.reqid}`)));
  expect(result).toMatchObject({ status: "done", state: "ended", exit: 7 });
  for (const pid of both) limit(pid, "1000000:");
  // For the next agent.
  await until("there is room again", () => endOf(disk.folder)?.exit === 7);
  // The agent writes what its shim cannot.
  const half = await begin();
  limit(shimOf(half.reqid, full), "0:");
  touch(half.go);
  expect(jsonOf(await half.answer)).toMatchObject({ exit: 7 });
  expect(knownIn(half.folder)).toMatchObject({ end: { exit: 7 }, logged: true });
  const removed = await begin();
  rmSync(folderOfJobs(full), { recursive: true });
  touch(removed.go);
  const told = jsonOf(await removed.answer);
  expect(told).toMatchObject({ exit: 7, stdout: "" });
  expect(told.stdout_dropped).toBeGreaterThan(10);
  await full.serving.seen(new RegExp(`ACTION=run EXIT=7 .*REQID=${removed.reqid}`));
  for (const { reqid, folder } of [disk, removed]) {
    expect(full.serving.err).toMatch(
      new RegExp(`ACTION=run-folder-fail ERROR="Cannot use ${folder}.*" REQID=${reqid}`),
    );
  }
  expect(full.serving.err).not.toContain("ACTION=accept-fatal");
  expect(await run("never", [], { detach: true }, full)).toMatchObject({ status: "accepted" });
});

describe("limits of scripts.conf hold after a restart", () => {
  test("concurrency and timeout", async () => {
    const path = agent.path("scripts/sleeps.sh");
    const [pidFile, other] = [fresh(), fresh()];
    agent.writeAllowlist([`once = ${path} concurrency=1`, `timed = ${path} timeout=2`]);
    agent.serving.child.kill("SIGHUP");
    await agent.serving.seen(/ACTION=reload/);
    start("once", [pidFile]);
    const timed = start("timed", [other]);
    await until("both run", () => existsSync(pidFile) && existsSync(other));
    await crash();
    await agent.serve();
    expect(await run("once", [fresh()])).toMatchObject({
      exit: -1,
      error: "once runs already (concurrency=1); try again when it has ended",
    });
    await agent.serving.seen(new RegExp(`ACTION=run EXIT=126 .*REQID=${timed}`));
    expect(endOf(folderOf(timed))).toMatchObject({
      exit: 126,
      signal: "SIGTERM",
      timed_out: true,
      error: "script timed out after 2s and was ended",
    });
    process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
    await agent.serving.seen(/ACTION=run EXIT=126 .*SCRIPT=once/);
    const again = fresh();
    const lost = start("once", [again]);
    await until("it may run again", () => existsSync(again) && readFileSync(again, "utf8") !== "");
    // What is lost counts as long as it goes on.
    process.kill(shimOf(lost), "SIGKILL");
    await agent.serving.seen(new RegExp(`ACTION=run ERROR=.* EXIT=-1 .*REQID=${lost}`));
    expect(await run("once", [fresh()])).toMatchObject({
      exit: -1,
      error: `once runs already (concurrency=1, and lost run ${lost} goes on); try again when it has ended`,
    });
    process.kill(Number(readFileSync(again, "utf8")), "SIGKILL");
    const last = fresh();
    await until("it has ended", () => !runs(Number(readFileSync(again, "utf8"))));
    start("once", [last]);
    await until("it may run again", () => existsSync(last) && readFileSync(last, "utf8") !== "");
    process.kill(Number(readFileSync(last, "utf8")), "SIGKILL");
  });
});

describe("T72 what is kept is bounded", () => {
  test("the oldest go first, a running one never, and the newest stay", async () => {
    const small = await control.startAgent("web-03", {
      scripts: SCRIPTS,
      config: ["run_spool = 1M"],
    });
    const [begun, go] = [fresh(), fresh()];
    const running = start("printing", [begun, go], small);
    await until("it runs", () => existsSync(begun));
    const reqids = Array.from({ length: 4 }, newRequestId);
    for (const reqid of reqids) {
      expect(String((await run("floods", [], { reqid }, small)).stdout)).toHaveLength(400_000);
    }
    const kept = (reqid: string) => {
      try {
        return existsSync(folderOf(reqid, small));
      } catch {
        return false;
      }
    };
    await until("the oldest are gone", () => reqids.filter(kept).length === 2);
    expect(reqids.map(kept)).toEqual([false, false, true, true]);
    expect(kept(running)).toBe(true);
    touch(go);
    await small.serving.seen(new RegExp(`REQID=${running} SCRIPT=printing$`, "m"));
  });

  test("what running jobs print beyond it is dropped and counted", async () => {
    const small = await control.startAgent("web-04", {
      scripts: SCRIPTS,
      config: ["run_spool = 100K"],
    });
    const shown = await run("floods", [], {}, small);
    expect(shown).toMatchObject({ exit: 0, stdout_dropped: 400_000 - 102_400 });
    expect(String(shown.stdout)).toBe("y".repeat(102_400));
  });

  test("run_retention ends it", async () => {
    const brief = await control.startAgent("web-05", {
      scripts: SCRIPTS,
      config: ["run_retention = 1"],
    });
    await run("never", [], {}, brief);
    const kept = () =>
      readdirSync(folderOfJobs(brief)).filter((name) => /^[0-9a-f]{32}$/.test(name));
    expect(kept()).toHaveLength(1);
    await until("it is gone", () => kept().length === 0);
  });
});

describe("where no folder can be made", () => {
  let bare: TestAgent;
  beforeAll(async () => {
    bare = await control.startAgent("web-06", { scripts: SCRIPTS });
    await bare.stop();
    writeFileSync(folderOfJobs(bare), "");
    await bare.serve();
  });

  test("scripts run all the same, and the log says what is missing", async () => {
    // It does not run: that alone is logged, and no run without a folder.
    const detached = await run("never", [], { detach: true }, bare);
    expect(detached).toMatchObject({ exit: -1, state: "never-ran" });
    expect(detached.error).toStartWith("Cannot keep runs in ");
    await bare.serving.seen(/ACTION=deny .*REASON="Cannot keep runs in /);
    expect(bare.serving.err).not.toContain("ACTION=run-unkept");
    expect(await run("never", [], {}, bare)).toMatchObject({ exit: 0, stdout: "done\n" });
    await bare.serving.seen(
      /ACTION=run-unkept ERROR="Cannot keep runs in .*\/jobs: it is not a folder"/,
    );
    expect(await run("killed", [], {}, bare)).toMatchObject({ exit: 126, signal: "SIGKILL" });
    expect(bare.serving.err.match(/ACTION=run-unkept/g)).toHaveLength(1);
    expect(bare.serving.err.match(/ACTION=run-start/g)).toHaveLength(2);
  });

  test("a script ends in time all the same, with what has left its session", async () => {
    const file = fresh();
    expect(await run("leaves", [file], { timeout: 1 }, bare)).toMatchObject({
      exit: 126,
      signal: "SIGTERM",
      timed_out: true,
      error: "script timed out after 1s and was ended",
    });
    expect(pidsIn(file)).toHaveLength(2);
    expect(pidsIn(file).filter(runs)).toEqual([]);
  });

  test("it is busy for whoever asks for a lock, its state can be asked for, and it is cancelled", async () => {
    const file = fresh();
    const reqid = newRequestId();
    const answer = run("leaves", [file], { reqid, lock: 1 }, bare);
    await until("all of it runs", () => pidsIn(file).length === 2);
    const locked = { script: "leaves", args: [fresh()], reqid: newRequestId(), lock: 1 };
    const refused = await ask(bare.port, good, post("/run", locked));
    expect([refused, jsonOf(refused)]).toMatchObject([{ status: 409 }, { error: "busy", reqid }]);
    const state = async () => jsonOf(await ask(bare.port, good, get(`/result/${reqid}`)));
    expect(await state()).toEqual({ status: "running", started: expect.stringMatching(/^\d{4}-/) });
    expect(jsonOf(await ask(bare.port, good, get("/runs"))).runs).toMatchObject([
      { reqid, script: "leaves", state: "running" },
    ]);
    const cancel = post("/cancel", { reqid, grace: 1, username: "alice" });
    expect(jsonOf(await ask(bare.port, good, cancel))).toEqual({ status: "ended", left: 0 });
    expect(await answer).toMatchObject({ cancelled: true, cancelled_by: "alice", exit: 126 });
    expect(pidsIn(file).filter(runs)).toEqual([]);
    expect(await ask(bare.port, good, get(`/result/${reqid}`))).toMatchObject({ status: 404 });
  });
});

test("nothing is left of a shim once its agent has gone and its last script has ended", async () => {
  const [begun, go] = [fresh(), fresh()];
  agent.writeAllowlist(
    Object.keys(SCRIPTS).map((name) => `${name} = ${agent.path(`scripts/${name}.sh`)}`),
  );
  agent.serving.child.kill("SIGHUP");
  await agent.serving.seen(/ACTION=reload/);
  const reqid = start("printing", [begun, go]);
  await until("it runs", () => existsSync(begun));
  const shim = shimOf(reqid);
  await crash();
  expect(existsSync(`/proc/${shim}`)).toBe(true);
  touch(go);
  await until("it is gone", () => !existsSync(`/proc/${shim}`));
  expect(endOf(folderOf(reqid))).toMatchObject({ exit: 7 });
  await agent.serve();
});
