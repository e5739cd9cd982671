/** Who may ask for what, and what else than a run is answered. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import type { AgentContext, AgentReply, Caller } from "../../../../src/agent/endpoints/endpoint.ts";
import { answerRoute } from "../../../../src/agent/endpoints/routes.ts";
import type { JobTable } from "../../../../src/agent/jobs/job-table.ts";
import { RunningScripts } from "../../../../src/agent/scripts/running-scripts.ts";
import { loadState } from "../../../../src/agent/state/state.ts";
import { storeControllerSerial } from "../../../../src/agent/trust/controller-serials.ts";
import { UpgradeInbox } from "../../../../src/agent/upgrade/inbox.ts";
import type { AgentConfig } from "../../../../src/core/config/agent-config.ts";
import { QuietLog } from "../../../../src/core/quiet-log.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { MAX_CLAIMED_JSON } from "../../../../src/core/tags.ts";
import { opensslTime } from "../../../../src/core/time.ts";
import { VERSION } from "../../../../src/core/version.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { EventLog } from "../../../support/event-log.ts";
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

function certificateIn(path: string, local = false): Caller {
  const certificate = readCertificate(readFileSync(path, "utf8"), "it");
  return { ip: "192.0.2.1", local, certificate };
}

async function served(processes = 10) {
  rmSync(jobs.folder.join("end"), { force: true });
  const log = new EventLog("ctrl-exec-agent");
  const state = await loadState(agent.config, agent.path("scripts.conf"));
  const context: AgentContext = {
    state,
    log: log.log,
    quiet: new QuietLog(log.log),
    now: () => fleet.now,
    running: new RunningScripts(processes),
    jobs: table,
    inbox: new UpgradeInbox(jobs.folder.join("inbox")),
  };
  const controller = certificateIn(fleet.controller.config.cert);
  const ask = async (route: string, body: unknown = {}, caller = controller) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return await answerRoute(context, caller, route, { peerIp: caller.ip, body: text });
  };
  const start = async (body: string) => {
    const order = jobs.order(body, { args: [jobs.folder.path], token: "t0ken" });
    const outcome = await table.start(order);
    if (outcome.kind !== "started") throw new Error(outcome.kind);
    outcome.letGo();
    return outcome.job;
  };
  return { ask, log, start, context, state };
}

function jsonOf(reply: AgentReply) {
  if (!("body" in reply)) throw new Error("it is a stream");
  reply.letGo?.();
  return JSON.parse(
    JSON.stringify({ status: reply.status, ...reply.body, said: reply.body.status }),
  );
}

const WAITS = "echo begun; while [ ! -e $1/end ]; do sleep 0.01; done";
const REQID = "0123456789abcdef";

describe("who is not the control host", () => {
  test("T02 is refused if the certificate was revoked since it came, whatever it asks for", async () => {
    const it = await served();
    const caller = certificateIn(fleet.controller.config.cert);
    const { serial } = caller.certificate;
    fleet.folder.write("web-01/revoked", `${serial}\n`);
    const config = { ...agent.config, revoked_serials: agent.path("revoked") };
    Object.assign(it.context, { state: await loadState(config, agent.path("scripts.conf")) });
    for (const route of ["POST /ping", "GET /nothing"]) {
      expect(await it.ask(route, {}, caller)).toEqual({
        status: 403,
        body: { error: "certificate revoked" },
      });
    }
    expect(it.log.events).toHaveLength(2);
    expect(it.log.of("revoked-cert")[0]?.fields).toEqual({ PEER: "192.0.2.1", SERIAL: serial });
  });

  /** What a stream says of which the first output is followed by this, and then by the end of its script. */
  async function heardAround(it: Awaited<ReturnType<typeof served>>, change: () => void) {
    const job = await it.start(WAITS);
    const { reqid } = job.facts;
    const reply = await it.ask("POST /follow", { reqid, stdout: 0, stderr: 0 });
    if (!("events" in reply)) throw new Error("it is no stream");
    const heard: string[] = [];
    for await (const { kind } of reply.events(new AbortController().signal)) {
      heard.push(kind);
      if (kind !== "output") continue;
      change();
      jobs.folder.write("end", "");
    }
    reply.letGo?.();
    expect(await job.ended).toMatchObject({ exit: 0 });
    return { heard, reqid };
  }

  test("T02 nor is it told any more in a stream that has begun", async () => {
    const it = await served();
    const list = fleet.folder.write("web-01/revoked-later", "");
    const config = { ...agent.config, revoked_serials: list };
    Object.assign(it.context, { state: await loadState(config, agent.path("scripts.conf")) });
    const { serial } = certificateIn(fleet.controller.config.cert).certificate;
    const { heard } = await heardAround(it, () => writeFileSync(list, `${serial}\n`));
    expect(heard).toEqual(["begin", "output"]);
    expect(it.log.of("revoked-cert").map(({ fields }) => fields.SERIAL)).toEqual([serial]);
  });

  test("T02 nor does a stream outlive a serial that was replaced; a rotation ends none", async () => {
    const it = await served();
    const control = certificateIn(fleet.controller.config.cert);
    const path = fleet.folder.write("web-01/serial", `${control.certificate.serial}\n`);
    const config = { ...agent.config, dispatcher_serial_path: path };
    Object.assign(it.context, { state: await loadState(config, agent.path("scripts.conf")) });
    const { controller } = it.context.state.trust;
    const whole = ["begin", "output", "end"];
    const rotates = () => storeControllerSerial(path, "0abcdef123");
    expect((await heardAround(it, rotates)).heard).toEqual(whole);
    const certificate = { ...control.certificate, serial: "0abcdef123" };
    const proves = () => {
      expect(controller.judge(certificate)).toEqual({ kind: "trusted", proves: true });
      expect(controller.judge(control.certificate)).toMatchObject({ kind: "refused" });
    };
    expect((await heardAround(it, proves)).heard).toEqual(whole);
    expect(it.log.of("serial-reject")).toEqual([]);
    writeFileSync(path, `${control.certificate.serial}\n`);
    controller.look();
    const { heard, reqid } = await heardAround(it, () => writeFileSync(path, "0abcdef456\n"));
    expect(heard).toEqual(["begin", "output"]);
    expect(it.log.of("serial-reject").map(({ fields }) => fields)).toMatchObject([
      { PEER: "192.0.2.1", REQID: reqid },
    ]);
  });

  test("is refused whatever it asks for; the log names its request, and no more of a script", async () => {
    const it = await served();
    const other = certificateIn(agent.config.cert);
    for (const route of ["POST /ping", "POST /run", "GET /nothing", `GET /result/${REQID}`]) {
      expect(await it.ask(route, { reqid: REQID }, other)).toEqual({
        status: 403,
        body: { error: "serial mismatch", status: "forbidden" },
      });
      expect(it.log.of("serial-reject").at(-1)?.fields).toMatchObject({
        PEER: "192.0.2.1",
        REQID: REQID,
      });
    }
    expect(it.log.events).toHaveLength(4);
    expect(await it.ask("GET /capabilities", {}, other)).toEqual({
      status: 403,
      body: { error: "forbidden" },
    });
    expect(it.log.events.at(-1)).toMatchObject({
      action: "capabilities-deny",
      fields: {
        PEER: "192.0.2.1",
        PEER_SERIAL: other.certificate.serial,
        REASON: "serial mismatch",
      },
    });
  });

  test("but this agent itself, from its own host, is logged as a ping of itself, once a minute", async () => {
    const it = await served();
    const itself = certificateIn(agent.config.cert, true);
    for (const _ of [1, 2])
      expect(await it.ask("POST /ping", {}, itself)).toMatchObject({ status: 403 });
    expect(it.log.events.map(({ action }) => action)).toEqual(["self-ping"]);
    await it.ask("POST /run", {}, itself);
    expect(it.log.events.at(-1)?.action).toBe("serial-reject");
    // With the control host's serial but its own name it is no ping of its own.
    const { serial } = certificateIn(fleet.controller.config.cert).certificate;
    await it.ask("POST /ping", {}, { ...itself, certificate: { ...itself.certificate, serial } });
    expect(it.log.events.at(-1)?.fields.REASON).toContain("the certificate is that of web-01");
  });
});

test("an agent that knows no serial tells nobody what it can do, and the log says why", async () => {
  const it = await served();
  const controller = {
    known: false,
    judge: () => ({ kind: "refused", reason: undefined }),
  };
  const trust = { ...it.state.trust, controller };
  Object.assign(it.context, { state: { ...it.state, trust } });
  const reply = await it.ask("GET /capabilities");
  expect(reply).toEqual({ status: 403, body: { error: "forbidden" } });
  expect(it.log.events.map(({ action, fields }) => [action, fields])).toEqual([
    ["capabilities-no-serial", { PEER: "192.0.2.1", REASON: "no stored serial" }],
  ]);
});

test("what there is not is not found", async () => {
  const it = await served();
  for (const route of [
    "GET /ping",
    "POST /",
    "POST /ping/",
    `GET /result/${REQID}0`,
    "GET /result/x",
  ]) {
    expect(await it.ask(route)).toEqual({ status: 404, body: { error: "not found" } });
  }
});

test("a ping is answered with who this is, and logged", async () => {
  const it = await served();
  const { notAfter } = it.state.trust.identity.certificate;
  expect(await it.ask("POST /ping", { reqid: REQID })).toEqual({
    status: 200,
    body: {
      status: "ok",
      host: hostname(),
      version: VERSION,
      expiry: opensslTime(notAfter),
      reqid: REQID,
    },
  });
  expect(it.log.of("ping").at(-1)?.fields).toEqual({ PEER: "192.0.2.1", REQID });
});

describe("the tags in a ping", () => {
  const tags = { role: "db" };
  const pinged = async (config: Partial<AgentConfig>, body: object) => {
    const it = await served();
    const state = { ...it.state, config: { ...it.state.config, tags, ...config } };
    Object.assign(it.context, { state });
    return jsonOf(await it.ask("POST /ping", body));
  };

  test("come to whoever asks for them, as control hosts before 1.1 do not", async () => {
    expect(await pinged({}, { reqid: REQID, tags: 1 })).toMatchObject({ status: "ok", tags });
    for (const body of [{ reqid: REQID }, { tags: 2 }, { tags: "1" }, [{ tags: 1 }]]) {
      expect(await pinged({}, body)).not.toHaveProperty("tags");
    }
  });

  test("do not come if a hook decides about them, or a control host would not keep them", async () => {
    expect(await pinged({ auth_hook: "/bin/false" }, { tags: 1 })).not.toHaveProperty("tags");
    const many = { note: "x".repeat(MAX_CLAIMED_JSON) };
    expect(await pinged({ tags: many }, { tags: 1 })).not.toHaveProperty("tags");
  });
});

describe("capabilities", () => {
  test("are the scripts, whether each would start, and the tags", async () => {
    const it = await served();
    const { scripts } = it.state.allowlist;
    const bad = jobs.folder.write("bad.sh", "#!/bin/sh\n", 0o644);
    const listed = new Map([...scripts, ["bad", { name: "bad", path: bad, options: {} }]]);
    const state = { ...it.state, allowlist: { scripts: listed, warnings: [] } };
    Object.assign(it.context, { state });
    const reply = await it.ask("GET /capabilities");
    expect(reply).toMatchObject({
      status: 200,
      body: { status: "ok", host: hostname(), version: VERSION, tags: agent.config.tags },
    });
    const { scripts: told } = jsonOf(reply);
    expect(told).toEqual([
      { name: "count", path: agent.path("count.sh"), executable: true },
      { name: "update-ctrl-exec-serial", path: agent.path("update.sh"), executable: true },
      { name: "bad", path: bad, executable: false },
    ]);
    expect(it.log.of("capabilities").at(-1)?.fields).toMatchObject({ SCRIPTS: 3 });
  });

  test("are refused while nothing more can be started, and by the hook", async () => {
    const full = await served(0);
    expect(await full.ask("GET /capabilities")).toEqual({ status: 503, body: { error: "busy" } });
    const it = await served(1);
    const hook = jobs.folder.script("hook", `test "$ENVEXEC_ACTION" != discovery`);
    Object.assign(it.context, {
      state: { ...it.state, config: { ...agent.config, auth_hook: hook } },
    });
    for (const _ of [1, 2]) {
      const reply = await it.ask("GET /capabilities");
      expect(reply).toEqual({ status: 403, body: { error: "not authorised" } });
    }
    expect(it.log.events.at(-1)).toMatchObject({
      action: "capabilities-deny",
      fields: { PEER: "192.0.2.1", REASON: expect.any(String) },
    });
    // Its slot is free again each time.
    expect(it.context.running.takeProcess()).toBeDefined();
  });
});

describe("runs", () => {
  test("are reported while they run and afterwards, the token hidden from who comes later", async () => {
    const it = await served();
    const job = await it.start(`${WAITS}; cat`);
    const { reqid } = job.facts;
    expect(jsonOf(await it.ask(`GET /result/${reqid}`))).toMatchObject({
      status: "running",
      started: job.facts.started,
    });
    expect(jsonOf(await it.ask("GET /runs")).runs[0]).toMatchObject({ reqid, state: "running" });
    jobs.folder.write("end", "");
    const { started, ended } = await job.ended;
    const result = jsonOf(await it.ask(`GET /result/${reqid}`));
    expect(result).toMatchObject({
      exit: 0,
      started,
      finished: ended,
      state: "ended",
      said: "done",
    });
    expect(result.stdout).toStartWith("begun\n");
    expect(result.stdout).not.toContain("t0ken");
    expect(jsonOf(await it.ask("GET /runs")).runs[0]).toMatchObject({ reqid, state: "ended" });
    const none = await it.ask(`GET /result/${REQID}`);
    expect(none).toEqual({ status: 404, body: { error: "no such run" } });
  });

  test("are followed from any byte on, the token hidden from all but who began them", async () => {
    const it = await served();
    const job = await it.start("cat");
    await job.ended;
    const { reqid } = job.facts;
    const followed = async (more: object) => {
      const reply = await it.ask("POST /follow", { reqid, stdout: 0, stderr: 0, ...more });
      if (!("events" in reply)) return reply;
      let text = "";
      for await (const event of reply.events(new AbortController().signal)) {
        if (event.kind === "output") text += Buffer.from(event.bytes).toString();
      }
      reply.letGo?.();
      return text;
    };
    const whole = await followed({ token: 1 });
    expect(whole).toContain("t0ken");
    expect(await followed({})).not.toContain("t0ken");
    expect(await followed({ stdout: 5 })).toHaveLength(String(whole).length - 5);
    expect(await followed({ stdout: -1 })).toEqual({
      status: 400,
      body: { error: "invalid JSON" },
    });
    const known_for = expect.any(Number);
    expect(await followed({ reqid: REQID })).toEqual({
      status: 404,
      body: { error: "no such run", known_for },
    });
  });

  test("are cancelled, which is logged; one that has ended does not run", async () => {
    const it = await served();
    const job = await it.start(WAITS);
    const { reqid } = job.facts;
    const cancel = (more: object = {}) =>
      it.ask("POST /cancel", { reqid, grace: 0, username: "bob", ...more });
    expect(await cancel({ grace: -1 })).toEqual({ status: 400, body: { error: "invalid JSON" } });
    expect(await cancel()).toEqual({ status: 200, body: { status: "ended", left: 0 } });
    expect(it.log.of("cancel").at(-1)?.fields).toMatchObject({
      LEFT: 0,
      PEER: "192.0.2.1",
      REQID: reqid,
      SCRIPT: "script",
      USER: "bob",
    });
    expect(await job.ended).toMatchObject({ cancelled_by: "bob" });
    expect(await cancel()).toEqual({ status: 200, body: { status: "not-running", left: 0 } });
    expect(it.log.of("cancel")).toHaveLength(1);
    expect(await cancel({ reqid: REQID })).toMatchObject({ status: 404 });
  });

  test("are withdrawn, with for how long the agent is sure of them, unless there is one", async () => {
    const it = await served();
    const job = await it.start("true");
    await job.ended;
    const withdraw = (reqid: string) => it.ask("POST /withdraw", { reqid });
    expect(await withdraw("x")).toEqual({ status: 400, body: { error: "invalid JSON" } });
    expect(await withdraw(job.facts.reqid)).toEqual({ status: 200, body: { status: "known" } });
    expect(it.log.events).toEqual([]);
    const before = performance.now();
    await Bun.sleep(2);
    const reqid = newRequestId();
    const { known_for, said } = jsonOf(await withdraw(reqid));
    expect([said, known_for > 0]).toEqual(["withdrawn", true]);
    // Seconds, in whole milliseconds.
    expect(known_for * 1000).toBeLessThan(performance.now() - before + 60_000);
    expect(Number((known_for * 1000).toFixed(6)) % 1).toBe(0);
    expect(it.log.of("withdraw").at(-1)?.fields).toEqual({ PEER: "192.0.2.1", REQID: reqid });
  });
});

test("a run that cannot be noted as withdrawn is not a promise: the caller and the log are told", async () => {
  const it = await served();
  const problem = "Cannot write /jobs/withdrawn: no space left on the disk";
  const jobs = { withdraw: () => ({ kind: "unnoted", problem }) };
  Object.assign(it.context, { jobs });
  const reply = await it.ask("POST /withdraw", { reqid: REQID });
  expect(reply).toEqual({ status: 503, body: { error: problem } });
  expect(it.log.events).toMatchObject([
    { level: "err", fields: { ERROR: problem, PEER: "192.0.2.1", REQID } },
  ]);
});

describe("renewal", () => {
  test("a request for a certificate is made with the present key, and logged", async () => {
    const it = await served();
    const reply = jsonOf(await it.ask("POST /renew", { reqid: REQID }));
    expect(reply).toMatchObject({ said: "ok", reqid: REQID });
    expect(reply.csr).toStartWith("-----BEGIN CERTIFICATE REQUEST-----");
    expect(it.log.of("renew").at(-1)?.fields).toEqual({ PEER: "192.0.2.1", REQID });
  });

  test("a key that cannot be read makes none, and only the log says why", async () => {
    const it = await served();
    const { certificate } = it.state.trust.identity;
    const trust = { ...it.state.trust, identity: { certificate, keyPem: "none" } };
    Object.assign(it.context, { state: { ...it.state, trust } });
    expect(await it.ask("POST /renew", { reqid: REQID })).toEqual({
      status: 500,
      body: { error: "cannot make a certificate request", reqid: REQID },
    });
    expect(it.log.of("renew").at(-1)).toMatchObject({ level: "err" });
  });

  test("a new certificate that cannot be stored, or is none, changes nothing", async () => {
    const it = await served();
    expect(await it.ask("POST /renew-complete", "{")).toEqual({
      status: 400,
      body: { error: "invalid JSON", reqid: "" },
    });
    const cert = it.state.trust.identity.certificate.pem;
    const config = { ...agent.config, cert: "/proc/ctrl-exec/agent.crt" };
    Object.assign(it.context, { state: { ...it.state, config } });
    expect(await it.ask("POST /renew-complete", { cert, reqid: REQID })).toEqual({
      status: 500,
      body: { error: "cannot store the certificate", reqid: REQID },
    });
    expect(it.log.of("renew-complete").at(-1)?.fields.ERROR).toContain("/proc/ctrl-exec");
  });
});
