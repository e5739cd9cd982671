/** Rollouts over HTTP, with two agents that are there. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { appendFileSync, rmSync } from "node:fs";
import { EventClient } from "../../../support/event-client.ts";
import { until } from "../../../support/folder.ts";
import { Gate, passes } from "../../../support/gate.ts";
import { LocalApi } from "../../../support/local-api.ts";

const HOSTS = ["web-01", "web-02"];
const ONE = { batch: [1] };

let api: LocalApi;

beforeAll(async () => {
  api = await LocalApi.start();
  const { fleet } = api;
  for (const name of HOSTS) {
    const agent = await fleet.addAgent(name);
    const script = (word: string) =>
      fleet.folder.script(`${name}/${word}.sh`, `! [ -e ${agent.path(`no-${word}`)} ]`);
    const lines = ["deploy", "health"].map((word) => `${word} = ${script(word)}\n`);
    fleet.folder.write(`${name}/scripts.conf`, lines.join(""));
    await agent.reload();
  }
});
afterAll(async () => await api[Symbol.asyncDispose]());

const fails = (host: string, word: string) => api.fleet.folder.write(`${host}/no-${word}`, "");

afterEach(() => {
  for (const host of HOSTS) {
    for (const word of ["deploy", "health"]) {
      rmSync(api.fleet.folder.join(host, `no-${word}`), { force: true });
    }
  }
});

interface Answered {
  readonly reqid: string;
  readonly results: readonly { readonly host: string; readonly state: string }[];
  readonly rollout?: object;
}

async function run(rollout: object | undefined, more: object = {}) {
  const body = { hosts: HOSTS, script: "deploy", ...(rollout && { rollout }), ...more };
  const { status, json, headers } = await api.post("/run", body);
  return { status, headers, json: json as Answered };
}

test("POST /run says how far it came, and of each host how it went there", async () => {
  fails("web-01", "deploy");
  const { status, json } = await run(ONE);
  expect(status).toBe(200);
  expect(json.results.map(({ host, state }) => [host, state])).toEqual([
    ["web-01", "ended"],
    ["web-02", "not-started"],
  ]);
  const stopped = "after batch 1 of 2: 1 host failed";
  expect(json.rollout).toEqual({ batches: 2, begun: 1, not_started: 1, stopped });
});

test("its settings are those of the request", async () => {
  fails("web-01", "deploy");
  fails("web-02", "health");
  const told = async (rollout: object) => (await run(rollout)).json.rollout;
  const whole = { batches: 2, begun: 2, not_started: 0 };
  expect(await told({ ...ONE, max_failures: 1, pause: 0 })).toEqual(whole);
  expect(await told({ ...ONE, max_failures: "50%", check: "health" })).toEqual({
    ...whole,
    stopped: "after batch 2 of 2: its check failed on web-02",
  });
  const { status, json } = await run({ ...ONE, per_tag: { rack: 1 } });
  const detail = "Cannot limit batches by rack: none of the hosts has that tag";
  expect([status, json]).toMatchObject([400, { detail }]);
});

test("a run without one is not a rollout", async () => {
  expect((await run(undefined)).json).not.toHaveProperty("rollout");
});

test("POST /runs/{reqid}/resume goes on with the rest of it, under its id", async () => {
  fails("web-01", "deploy");
  const { reqid } = (await run(ONE)).json;
  const resume = (script: string, more: object = {}) =>
    api.post(`/runs/${reqid}/resume`, { script, ...more });
  expect(await resume("health")).toMatchObject({
    status: 400,
    json: { detail: `Cannot go on with run ${reqid}: it runs deploy, not health` },
  });
  expect(await resume("deploy", { rollout: { check: "health" } })).toMatchObject({
    status: 200,
    json: {
      ...{ ok: true, reqid, results: [{ host: "web-02", exit: 0, state: "ended" }] },
      rollout: { batches: 1, begun: 1, not_started: 0 },
    },
  });
  expect(await resume("deploy")).toMatchObject({
    status: 400,
    json: { detail: `Cannot go on with run ${reqid}: none of its hosts is not-started` },
  });
  expect(await api.post("/runs/00000000000000ff/resume", { script: "deploy" })).toMatchObject({
    status: 404,
    json: { detail: "no run 00000000000000ff that you may see" },
  });
});

test("who does not wait is told where to look, of the beginning and of the rest", async () => {
  fails("web-01", "deploy");
  const { status, json, headers } = await run(ONE, { wait: false });
  const { reqid } = json;
  expect([status, json]).toEqual([202, { ok: true, reqid, complete: false } as never]);
  expect(headers.get("location")).toBe(`/status/${reqid}`);
  const states = async () => {
    const { complete, results } = (await api.get(`/runs/${reqid}`)).json as Answered & {
      readonly complete: boolean;
    };
    return complete ? results.map(({ state }) => state).join(" ") : "";
  };
  await until("it has stopped", async () => (await states()) === "ended not-started");
  const more = await api.post(`/runs/${reqid}/resume`, { script: "deploy", wait: false });
  expect(more).toMatchObject({ status: 202, json: { ok: true, reqid, complete: false } });
  await until("it has ended", async () => (await states()) === "ended ended");
});

test("T21 rollouts that pause hold no slot of a request, whether or not somebody waits", async () => {
  await using busy = await LocalApi.start(["api_auth_default = allow", "api_max_requests = 1"]);
  const { folder } = busy.fleet;
  const agents = await Promise.all(HOSTS.map((name) => busy.fleet.addAgent(name)));
  for (const agent of agents) {
    const script = folder.script(`${agent.name}/deploy.sh`, `: >${folder.join("ran")}-$1`);
    folder.write(`${agent.name}/scripts.conf`, `deploy = ${script}\n`);
    await agent.reload();
  }
  const body = { hosts: HOSTS, script: "deploy", rollout: { ...ONE, pause: 600 } };
  const answers: Promise<{ readonly status: number }>[] = [];
  for (const [number, wait] of [false, true, false].entries()) {
    const answer = busy.post("/run", { ...body, args: [String(number)], wait });
    if (wait) answers.push(answer);
    else expect((await answer).status).toBe(202);
    await until("its first batch has run", () => folder.has(`ran-${number}`));
  }
  const { status, json } = await busy.get("/runs");
  expect(status).toBe(200);
  for (const { reqid } of (json as { runs: { reqid: string }[] }).runs) {
    await busy.post(`/runs/${reqid}/cancel`, {});
  }
  for (const answer of answers) expect((await answer).status).toBe(200);
});

test("its batches are events, each once, and another stream goes on after the last", async () => {
  const { fleet } = api;
  using gate = await Gate.shut(fleet.folder.join("batches-gate"));
  for (const agent of fleet.agents) {
    const file = fleet.folder.script(`${agent.name}/gated.sh`, passes(gate.path));
    appendFileSync(agent.path("scripts.conf"), `gated = ${file}\n`);
    await agent.reload();
  }
  const order = { script: "gated", detach: true };
  const { reqid } = (await run({ ...ONE, check: "health" }, order)).json;
  const origin = `http://127.0.0.1:${api.server.port}`;
  const client = new EventClient(`/runs/${reqid}/events`);
  await client.connect(origin);
  await client.seen(({ event }) => event === "batch");
  await api.post(`/runs/${reqid}/pause`, { username: "bob" });
  await gate.open();
  await client.seen(({ event }) => event === "paused");
  await client.leave();
  const before = client.messages.length;
  await client.connect(origin);
  await api.post(`/runs/${reqid}/continue`, {});
  await client.ended();
  expect(client.messages.length).toBeGreaterThan(before);
  expect(client.messages.map(({ data }) => data.reqid)).toEqual(client.messages.map(() => reqid));
  const told = client.messages.map(({ data }) => data);
  const ofBatches = told.filter(({ event, host }) => host === undefined && event !== "summary");
  expect(ofBatches).toMatchObject([
    { event: "batch", batch: 1, of: 2, hosts: ["web-01"] },
    { event: "batch-end", batch: 1, of: 2, failed: 0 },
    { event: "check", batch: 1, script: "health", failed: [] },
    { event: "paused", batch: 2, of: 2, by: "bob" },
    { event: "continued", batch: 2, of: 2 },
    { event: "batch", batch: 2, of: 2, hosts: ["web-02"] },
    { event: "batch-end", batch: 2, of: 2, failed: 0 },
    { event: "check", batch: 2, script: "health", failed: [] },
  ]);
  const kinds = told.map(({ event, host }) => `${event} ${host ?? ""}`.trim());
  expect(kinds.at(-1)).toBe("summary");
  expect(kinds.filter((each) => each === "end web-01" || each === "end web-02")).toHaveLength(2);
  expect(client.messages.at(-1)?.id).toBe("S");
  const again = await api.get(`/runs/${reqid}/events`, { "Last-Event-ID": "S" });
  expect(again.status).toBe(204);
  // More messages than there are would hide those that are to come.
  const from = async (id: string) =>
    (await api.get(`/runs/${reqid}/events`, { "Last-Event-ID": id })).status;
  const said = told.filter(({ event, host }) => host === undefined && event !== "summary").length;
  expect([await from(`B${said}`), await from(`B${said + 1}`), await from("B999999W2")]).toEqual([
    200, 400, 400,
  ]);
});

test("that it stopped is an event too", async () => {
  fails("web-01", "deploy");
  const { reqid } = (await run(ONE, { wait: false })).json;
  const client = new EventClient(`/events?runs=${reqid}`);
  await client.connect(`http://127.0.0.1:${api.server.port}`);
  await client.ended();
  const told = client.messages.map(({ data }) => data);
  expect(told.find(({ event }) => event === "stopped")).toEqual({
    ...{ event: "stopped", reqid, reason: "after batch 1 of 2: 1 host failed", not_started: 1 },
  });
});

test("a host that waits has not ended, and of a stopped rollout it ends as not-started", async () => {
  const { reqid } = (await run({ ...ONE, pause: 600 }, { wait: false })).json;
  const client = new EventClient(`/runs/${reqid}/events`);
  await client.connect(`http://127.0.0.1:${api.server.port}`);
  await client.seen(({ event }) => event === "batch-end");
  await api.post(`/runs/${reqid}/cancel`, { username: "bob" });
  await client.ended();
  const told = client.messages.map(({ data }) => data);
  const reason = "after batch 1 of 2: it was cancelled by bob";
  expect(told.find(({ event, host }) => event === "end" && host === "web-02")).toMatchObject({
    ...{ state: "not-started", exit: -1, error: `the rollout stopped ${reason}` },
  });
  expect(told.at(-1)).toMatchObject({
    ...{ event: "summary", outcomes: { ok: 1, "not-started": 1 } },
  });
});

test("when the API stops, the batch in flight is waited for and none begins after it", async () => {
  await using stopped = await LocalApi.start();
  const { folder } = stopped.fleet;
  using gate = await Gate.shut(folder.join("gate"));
  for (const name of HOSTS) {
    const agent = await stopped.fleet.addAgent(name);
    const script = folder.script(
      `${name}/deploy.sh`,
      `: >${folder.join(name)}-ran; ${passes(gate.path)}`,
    );
    folder.write(`${name}/scripts.conf`, `deploy = ${script}\n`);
    await agent.reload();
  }
  const answer = stopped.post("/run", { hosts: HOSTS, script: "deploy", rollout: ONE });
  await until("its first batch has begun", () => folder.has("web-01-ran"));
  const stop = stopped.server.stop();
  await gate.open();
  await stop;
  const { status, json } = await answer;
  expect(status).toBe(200);
  expect(json).toMatchObject({
    results: [
      { host: "web-01", exit: 0, state: "ended" },
      { host: "web-02", state: "not-started" },
    ],
    rollout: { begun: 1, not_started: 1, stopped: "after batch 1 of 2: ctrl-exec-api stopped" },
  });
  expect(folder.has("web-02-ran")).toBe(false);
});
