/** `POST /run`: what is checked before a script runs, and what is answered. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync } from "node:fs";
import type { AgentContext, AgentReply } from "../../../../src/agent/endpoints/endpoint.ts";
import { run } from "../../../../src/agent/endpoints/run.ts";
import type { RunOrder } from "../../../../src/agent/jobs/job.ts";
import type { JobTable } from "../../../../src/agent/jobs/job-table.ts";
import { RunningScripts } from "../../../../src/agent/scripts/running-scripts.ts";
import { loadState } from "../../../../src/agent/state/state.ts";
import { UpgradeInbox } from "../../../../src/agent/upgrade/inbox.ts";
import { QuietLog } from "../../../../src/core/quiet-log.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { TestJobs } from "../../../support/job-table.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let agent: LocalAgent;
/** All share one shim, which begins at once. */
let jobs: TestJobs;
let table: JobTable;
beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
  await agent.stop();
  jobs = await TestJobs.create();
  jobs.folder.write("go", "");
  table = await jobs.table();
});
afterAll(async () => {
  await jobs[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
});

/** An agent with these scripts, by name. */
async function withScripts(
  scripts: Readonly<Record<string, string>>,
  options: { processes?: number; option?: string; table?: JobTable } = {},
) {
  const folder = new TestFolder();
  const lines = Object.entries(scripts).map(([name, body]) => {
    return `${name} = ${folder.script(`${name}.sh`, body)} ${options.option ?? ""}`;
  });
  const allowlist = folder.write("scripts.conf", lines.join("\n"));
  const state = await loadState({ ...agent.config }, allowlist);
  const log = new EventLog("ctrl-exec-agent");
  const context: AgentContext = {
    state,
    log: log.log,
    quiet: new QuietLog(log.log),
    now: () => new Date(),
    running: new RunningScripts(options.processes ?? 10),
    jobs: options.table ?? table,
    inbox: new UpgradeInbox(folder.join("inbox")),
  };
  const ask = (request: unknown) =>
    run(context, {
      peerIp: "192.0.2.1",
      body: typeof request === "string" ? request : JSON.stringify(request),
    });
  return { ask, log, folder, context, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

function bodyOf(reply: AgentReply): Readonly<Record<string, unknown>> {
  if (!("body" in reply)) throw new Error("it is a stream");
  reply.letGo?.();
  return reply.body;
}

/** As 1.0 answered: a state is added for a request that asks for something of 1.1. */
const neverRan = (error: string) => ({ exit: -1, error });
const WAITS = "echo begun; while [ ! -e $1/end ]; do sleep 0.01; done";

describe("what is not a request for a run never runs", () => {
  test.each([
    ["invalid JSON", "{"],
    ["invalid JSON", "null"],
    ["invalid JSON", '"run"'],
    ["invalid JSON", {}],
    ["invalid JSON", { script: "a", timeout: 0 }],
    ["args must be an array", { script: "a", args: "b" }],
    ["args must be an array", { script: "a", args: [1] }],
  ])("%s: %j", async (error, request) => {
    using it = await withScripts({ a: "true" });
    expect(bodyOf(await it.ask(request))).toEqual(neverRan(error));
    expect(it.log.events).toEqual([]);
  });

  test("arguments that no program can be given are refused, and logged", async () => {
    using it = await withScripts({ a: "true" });
    for (const [args, error, reason] of [
      [
        ["x", "a\0b"],
        "an argument holds a NUL byte, which no program can be given",
        "argument with NUL byte",
      ],
      [
        ["x", "\ud800"],
        "an argument holds half a character, which has no bytes",
        "argument not Unicode",
      ],
    ] as const) {
      const reqid = newRequestId();
      const reply = await it.ask({ script: "a", args, reqid });
      expect(bodyOf(reply)).toEqual({ ...neverRan(error), script: "a", reqid });
      const fields = { PEER: "192.0.2.1", REASON: reason, REQID: reqid, SCRIPT: "a" };
      expect(it.log.of("deny").at(-1)?.fields).toEqual(fields);
    }
  });
});

describe("what is not allowed never runs", () => {
  test("a name that is not listed, without a reason; a file that others could change, with one", async () => {
    using it = await withScripts({ a: "true" });
    expect(bodyOf(await it.ask({ script: "b" }))).toMatchObject(neverRan("script not permitted"));
    expect(it.log.of("deny").at(-1)?.fields).not.toHaveProperty("REASON");
    chmodSync(it.folder.join("a.sh"), 0o777);
    expect(bodyOf(await it.ask({ script: "a" }))).toMatchObject(neverRan("script not permitted"));
    expect(it.log.of("deny").at(-1)?.fields.REASON).toContain("can be written by");
  });

  test("a file outside script_dirs, also one that was moved there meanwhile", async () => {
    using it = await withScripts({ a: "true" });
    const { state } = it.context;
    Object.assign(state.config, { script_dirs: ["/usr"] });
    expect(bodyOf(await it.ask({ script: "a" }))).toMatchObject(neverRan("script not permitted"));
    expect(it.log.of("deny").at(-1)?.fields.REASON).toContain("is not in one of script_dirs");
  });

  test("a file that cannot be executed is said to be that", async () => {
    using it = await withScripts({ a: "true" });
    chmodSync(it.folder.join("a.sh"), 0o644);
    const reply = await it.ask({ script: "a", reqid: newRequestId(), lock: 1 });
    expect(bodyOf(reply)).toMatchObject({
      exit: 126,
      error: `cannot execute ${it.folder.join("a.sh")}: it is not executable`,
      state: "never-ran",
    });
  });

  test("what the hook decides against, and the hook is told who asks for what", async () => {
    using it = await withScripts({ a: "true" });
    const hook = it.folder.script("hook", `cat >${it.folder.join("asked")}; exit 3`);
    Object.assign(it.context.state.config, { auth_hook: hook });
    const reqid = newRequestId();
    const reply = await it.ask({ script: "a", args: ["x"], username: "bob", token: "t", reqid });
    const error = "not authorised: insufficient privilege";
    expect(bodyOf(reply)).toMatchObject(neverRan(error));
    expect(JSON.parse(readFileSync(it.folder.join("asked"), "utf8"))).toMatchObject({
      action: "run",
      script: "a",
      args: ["x"],
      username: "bob",
      token: "t",
      source_ip: "192.0.2.1",
    });
    expect(it.log.of("auth").at(-1)?.fields).toMatchObject({ RESULT: "deny", USER: "bob" });
    expect(it.log.of("deny").at(-1)?.fields.REASON).toBe("insufficient privilege");
    expect(table.find(reqid)).toBeUndefined();
  });

  test("T13 a file that was swapped while the hook decided is judged again", async () => {
    using it = await withScripts({ a: "true" });
    const script = it.folder.join("a.sh");
    const hook = it.folder.script("hook", `chmod 777 ${script}`);
    Object.assign(it.context.state.config, { auth_hook: hook });
    const reply = await it.ask({ script: "a", reqid: newRequestId(), lock: 1 });
    expect(bodyOf(reply)).toMatchObject({ exit: 126, state: "never-ran" });
  });

  test("more at once than there is room for, of all scripts or of one", async () => {
    using it = await withScripts(
      { a: WAITS, b: "true" },
      { option: "concurrency=1", processes: 2 },
    );
    const args = [it.folder.path];
    const reqid = newRequestId();
    const first = it.ask({ script: "a", args, reqid });
    await until("it runs", () => table.running(reqid) !== undefined);
    const again = await it.ask({ script: "a", args, reqid: newRequestId() });
    const error = "a runs already (concurrency=1); try again when it has ended";
    expect(bodyOf(again)).toMatchObject(neverRan(error));
    expect(it.log.of("deny").at(-1)?.fields.REASON).toBe("concurrency=1");
    // A control host of 1.1 is told which run that is.
    const locked = await it.ask({ script: "a", args, reqid: newRequestId(), lock: 1 });
    expect([locked.status, bodyOf(locked)]).toEqual([409, { error: "busy", reqid }]);
    const used = await it.ask({ script: "a", args, reqid, lock: 1 });
    expect(bodyOf(used)).toMatchObject(neverRan("reqid already used"));
    expect(bodyOf(await it.ask({ script: "b", reqid: newRequestId() }))).toMatchObject({ exit: 0 });
    const release = it.context.running.takeProcess();
    const full = await it.ask({ script: "b", reqid: newRequestId() });
    const tooMany = "this agent runs as many scripts at once as it can; try again later";
    expect(bodyOf(full)).toMatchObject(neverRan(tooMany));
    release?.();
    it.folder.write("end", "");
    expect(bodyOf(await first)).toMatchObject({ exit: 0 });
    // Its slots are free again.
    expect(bodyOf(await it.ask({ script: "a", args, reqid: newRequestId() }))).toMatchObject({
      exit: 0,
    });
    for (const _ of [1, 2]) expect(it.context.running.takeProcess()).toBeDefined();
  });
});

test("lost runs of a script count in its concurrency, as long as something of them goes on", async () => {
  using it = await withScripts({ a: "true" }, { option: "concurrency=2" });
  let lost = ["1".repeat(16), "2".repeat(16)];
  const start = (order: RunOrder) => table.start(order);
  Object.assign(it.context, { jobs: { lostRuns: async () => lost, start } });
  const ask = async () => bodyOf(await it.ask({ script: "a", reqid: newRequestId() }));
  const refused = neverRan(
    `a runs already (concurrency=2, and lost run ${lost[0]} goes on); try again when it has ended`,
  );
  expect(await ask()).toMatchObject(refused);
  expect(it.log.of("deny").at(-1)?.fields.REASON).toBe("concurrency=2");
  lost = lost.slice(0, 1);
  expect(await ask()).toMatchObject({ exit: 0 });
  const release = it.context.running.takeScript("a", 2);
  expect(await ask()).toMatchObject(refused);
  release?.();
  // Nor does one that was refused hold a slot.
  expect(it.context.running.of("a")).toBe(0);
  expect(await ask()).toMatchObject({ exit: 0 });
  // Without that limit they hold nobody up.
  using free = await withScripts({ a: "true" });
  Object.assign(free.context, { jobs: { lostRuns: async () => lost, start } });
  const reply = await free.ask({ script: "a", reqid: newRequestId() });
  expect(bodyOf(reply)).toMatchObject({ exit: 0 });
});

describe("the answer", () => {
  test("has the end and the output, and what the text has lost of it", async () => {
    using it = await withScripts({ a: `printf 'a\\377'; echo "$2" >&2; kill -TERM $$` });
    const reqid = newRequestId();
    const asked = { script: "a", args: ["x", "y z"] };
    const answer = {
      script: "a",
      exit: 126,
      stdout: "a\ufffd",
      stderr: "y z\n",
      stdout_b64: Buffer.from([97, 255]).toString("base64"),
      reqid,
      signal: "SIGTERM",
    };
    // As 1.0, to the byte.
    const older = JSON.stringify(bodyOf(await it.ask({ ...asked, reqid })));
    expect(older).toBe(JSON.stringify(answer));
    const other = newRequestId();
    const reply = await it.ask({ ...asked, reqid: other, lock: 1 });
    expect(JSON.parse(JSON.stringify(bodyOf(reply)))).toEqual({
      ...answer,
      reqid: other,
      state: "ended",
    });
  });

  test("to an older control host says nothing of a cancel, and keeps the error", async () => {
    using it = await withScripts({ a: "exec sleep 600" });
    const reqid = newRequestId();
    const answer = it.ask({ script: "a", reqid });
    await until("it runs", () => table.running(reqid) !== undefined);
    await table.cancel(reqid, "alice", 0);
    expect(JSON.stringify(bodyOf(await answer))).toBe(
      JSON.stringify({ script: "a", exit: 126, stdout: "", stderr: "", reqid, signal: "SIGKILL" }),
    );
  });

  test("says how much of the output was dropped", async () => {
    using it = await withScripts(
      { a: "echo 0123456789; echo 012 >&2" },
      { option: "max_output=5" },
    );
    const body = bodyOf(await it.ask({ script: "a", reqid: newRequestId() }));
    expect(body).toMatchObject({ stdout: "01234", stdout_dropped: 6, stderr: "012\n" });
    expect(body.stderr_dropped).toBeUndefined();
  });

  test.each([{ detach: true }, { detach: 1 }, { async: true }, { async: 1 }])(
    "comes once the script has started, if that was asked for: %j",
    async (how) => {
      using it = await withScripts({ a: WAITS });
      const reqid = newRequestId();
      const reply = await it.ask({ script: "a", args: [it.folder.path], reqid, ...how });
      expect(reply).toMatchObject({
        status: 202,
        body: { script: "a", status: "accepted", reqid },
      });
      const job = table.find(reqid);
      expect(job?.facts.state).toBe("running");
      it.folder.write("end", "");
      expect(await job?.ended).toMatchObject({ exit: 0 });
    },
  );

  test("of a script that did not start is not an acceptance", async () => {
    using it = await withScripts({ a: "true" });
    chmodSync(it.folder.join("a.sh"), 0o644);
    const reply = await it.ask({ script: "a", reqid: newRequestId(), detach: true });
    expect(bodyOf(reply)).toMatchObject({ exit: 126, state: "never-ran" });
  });

  test("is a stream if that was asked for", async () => {
    using it = await withScripts({ a: "echo hello" });
    const reply = await it.ask({ script: "a", reqid: newRequestId(), stream: 1 });
    if (!("events" in reply)) throw new Error("it is no stream");
    const kinds: string[] = [];
    for await (const { kind } of reply.events(new AbortController().signal)) kinds.push(kind);
    expect([reply.status, kinds]).toEqual([200, ["begin", "output", "end"]]);
    reply.letGo?.();
    for (const stream of [0, true, "1"]) {
      const plain = await it.ask({ script: "a", reqid: newRequestId(), stream });
      expect(bodyOf(plain)).toMatchObject({ exit: 0, stdout: "hello\n" });
    }
  });

  test("names the run that holds the lock", async () => {
    using it = await withScripts({ a: WAITS });
    const [reqid, args] = [newRequestId(), [it.folder.path]];
    const first = it.ask({ script: "a", args, reqid });
    await until("it runs", () => table.running(reqid) !== undefined);
    const locked = { script: "a", args, lock: 1, reqid: newRequestId() };
    expect(await it.ask(locked)).toEqual({ status: 409, body: { error: "busy", reqid } });
    it.folder.write("end", "");
    await first;
    expect(bodyOf(await it.ask(locked))).toMatchObject({ exit: 0 });
  });
});

describe("a run that nobody can come back to", () => {
  test.each([{}, { username: "bob" }, { stream: 0 }])(
    "runs for a control host that asks for no more: %j",
    async (more) => {
      using it = await withScripts({ a: "echo x" });
      expect(bodyOf(await it.ask({ script: "a", ...more }))).toMatchObject({ stdout: "x\n" });
      const reqid = newRequestId();
      for (const _ of [1, 2]) {
        const reply = await it.ask({ script: "a", reqid, ...more });
        expect(bodyOf(reply)).toMatchObject({ stdout: "x\n", reqid });
      }
      expect(it.log.of("deny")).toEqual([]);
    },
  );

  test.each([{ stream: 1 }, { detach: true }, { lock: 1 }, { timeout: 5 }])(
    "is refused to one that asks for what takes a job: %j",
    async (more) => {
      using it = await withScripts({ a: "echo x" });
      const odd = await it.ask({ script: "a", reqid: "0815", ...more });
      expect(bodyOf(odd)).toMatchObject(neverRan("reqid is not 16 hex digits"));
      const reqid = newRequestId();
      table.withdraw(reqid, "");
      const withdrawn = await it.ask({ script: "a", reqid, ...more });
      const why = "this run was cancelled, or given up, before it came here";
      expect(bodyOf(withdrawn)).toMatchObject(neverRan(why));
      expect(bodyOf(withdrawn).cancelled_by).toBeUndefined();
      expect(it.log.of("deny").at(-1)?.fields.REASON).toBe(why);
      const cancelled = newRequestId();
      table.withdraw(cancelled, "bob");
      expect(bodyOf(await it.ask({ script: "a", reqid: cancelled, ...more }))).toMatchObject({
        ...neverRan("this run was cancelled by bob before it came here"),
        cancelled_by: "bob",
      });
    },
  );

  test("where no job can be kept runs all the same, unless nobody would wait for it", async () => {
    await using none = await TestJobs.create();
    none.folder.write("go", "");
    none.folder.write("jobs", "");
    using it = await withScripts({ a: "echo x" }, { table: await none.table() });
    const streamed = await it.ask({ script: "a", reqid: newRequestId(), stream: 1 });
    expect(bodyOf(streamed)).toMatchObject({ exit: 0, stdout: "x\n" });
    const detached = await it.ask({ script: "a", reqid: newRequestId(), detach: true });
    expect(bodyOf(detached).error).toStartWith("Cannot keep runs in ");
  });
});

describe("the control host's new serial", () => {
  const serial = "0123456789ABCDEF";
  const update = (more: object) => ({
    script: "update-ctrl-exec-serial",
    args: [serial],
    reqid: newRequestId(),
    ...more,
  });

  test("is stored by the agent itself, also if it is not listed, and logged as a run", async () => {
    using it = await withScripts({});
    const file = it.context.state.config.dispatcher_serial_path;
    const before = readFileSync(file, "utf8");
    const reply = await it.ask(update({}));
    expect(bodyOf(reply)).toMatchObject({ exit: 0 });
    expect(bodyOf(reply).stdout).toBe(`serial updated to ${readFileSync(file, "utf8")}`);
    expect(it.log.of("run").at(-1)?.fields).toMatchObject({
      EXIT: 0,
      SCRIPT: "update-ctrl-exec-serial",
    });
    await it.ask(update({ args: [before.trim()] }));
    expect(readFileSync(file, "utf8")).toBe(before);
    // It takes no slot for longer.
    for (let slot = 0; slot < 10; slot++) expect(it.context.running.takeProcess()).toBeDefined();
  });

  test("that comes with what is not the control host's certificate is refused", async () => {
    using it = await withScripts({ a: "echo x" });
    const error = "what was sent as the control host's new certificate is not a certificate";
    const reply = await it.ask(update({ cert: "none" }));
    expect(bodyOf(reply)).toMatchObject(neverRan(`cannot take the new serial: ${error}`));
    expect(it.log.of("deny").at(-1)?.fields.REASON).toBe(error);
    // A certificate says nothing about another script.
    const other = await it.ask({ script: "a", cert: "none", reqid: newRequestId() });
    expect(bodyOf(other)).toMatchObject({ stdout: "x\n" });
  });

  test("is not stored if the hook decides against it", async () => {
    using it = await withScripts({});
    Object.assign(it.context.state.config, { auth_hook: it.folder.script("hook", "exit 1") });
    expect(bodyOf(await it.ask(update({})))).toMatchObject({ exit: -1 });
  });
});
