/** The routes that ask agents, over HTTP, with one agent that is there and one host that nobody knows. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { VERSION } from "../../../src/core/version.ts";
import { until } from "../../support/folder.ts";
import { LocalApi } from "../../support/local-api.ts";
import type { LocalAgent } from "../../support/local-fleet.ts";
import { streamingPeer } from "../../support/streaming-peer.ts";

let api: LocalApi;
let agent: LocalAgent;

beforeAll(async () => {
  api = await LocalApi.start();
  agent = await api.fleet.addAgent("web-01");
  const { folder } = api.fleet;
  const scripts = {
    hello: folder.script("web-01/hello.sh", 'echo "hello $1"'),
    again: folder.script("web-01/again.sh", "true"),
    gone: folder.join("web-01/gone.sh"),
    "update-ctrl-exec-serial": folder.join("web-01/update.sh"),
  };
  const lines = Object.entries(scripts).map(([name, path]) => `${name} = ${path}\n`);
  folder.write("web-01/scripts.conf", lines.join(""));
  await agent.reload();
});

afterAll(async () => await api[Symbol.asyncDispose]());

describe("GET", () => {
  test("/ names every route and the documents", async () => {
    const { status, json } = await api.get("/");
    expect(status).toBe(200);
    expect(json).toMatchObject({
      name: "ctrl-exec-api",
      version: VERSION,
      spec: "/openapi.json",
      live_spec: "/openapi-live.json",
    });
    expect((json as { endpoints: unknown[] }).endpoints).toContainEqual({
      method: "POST",
      path: "/run",
    });
  });

  test("/health says that it answers", async () => {
    expect((await api.get("/health")).json).toEqual({ ok: true, version: VERSION });
  });

  test("/openapi.json is the document", async () => {
    expect((await api.get("/openapi.json")).json).toMatchObject({
      openapi: "3.1.0",
      paths: { "/run": { post: {} } },
    });
  });

  test("T21 /openapi-live.json asks the fleet once for all who ask meanwhile, and has what a run would start", async () => {
    const live = () => api.get("/openapi-live.json");
    const asked = () => agent.log.of("capabilities").length;
    const before = asked();
    const [{ json }, { status }] = await Promise.all([live(), live()]);
    expect([status, asked() - before]).toEqual([200, 1]);
    await live();
    expect(asked() - before).toBe(2);
    expect(json).toMatchObject({
      components: {
        schemas: {
          RunRequest: {
            properties: {
              hosts: { items: { enum: ["web-01"] } },
              script: { enum: ["again", "hello"] },
            },
          },
        },
      },
    });
  });

  test("/discovery asks every registered host, and POST those that are named", async () => {
    const { json } = await api.get("/discovery");
    expect(json).toMatchObject({ ok: true, hosts: { "web-01": { status: "ok" } } });
    expect(Object.keys((json as { hosts: object }).hosts)).toEqual(["web-01"]);
    const named = await api.post("/discovery", { hosts: ["web-01"] });
    expect(named.json).toMatchObject({ ok: true, hosts: { "web-01": { status: "ok" } } });
  });
});

describe("POST /run", () => {
  const run = (script: string, more: object = {}) =>
    api.post("/run", { hosts: ["web-01"], script, ...more });

  test("answers with the results, and nothing else where nothing goes on", async () => {
    const { status, json } = await run("hello", { args: ["you"] });
    expect(status).toBe(200);
    expect(json).toMatchObject({ ok: true, results: [{ exit: 0, stdout: "hello you\n" }] });
    expect(Object.keys(json as object)).toEqual(["ok", "reqid", "results"]);
  });

  test.each([{ wait: false }, { detach: true }, { wait: true, detach: true }])(
    "%j answers as soon as it is accepted, and says where to go on",
    async (more) => {
      const { status, json, headers } = await run("hello", more);
      const { reqid } = json as { reqid: string };
      expect([status, json]).toEqual([202, { ok: true, reqid, complete: false }]);
      expect(headers.get("location")).toBe(`/status/${reqid}`);
      expect(headers.get("link")).toBe(
        `</runs/${reqid}/events>; rel="monitor"; type="text/event-stream"`,
      );
      await until("it is over", async () => {
        return ((await api.get(`/status/${reqid}`)).json as { complete: boolean }).complete;
      });
    },
  );

  test.each([{}, { wait: false }, { detach: true, timeout: 3 }])(
    "that is a dry run says who would be asked, and asks nobody; %j",
    async (more) => {
      const before = agent.log.events.length;
      const { status, json, headers } = await run("hello", {
        args: ["you"],
        dry_run: true,
        ...more,
      });
      const { port } = agent.config;
      const host = { host: "web-01", registered: true, address: "127.0.0.1", port };
      expect([status, json]).toEqual([
        200,
        { ok: true, dry_run: true, script: "hello", args: ["you"], hosts: [host] },
      ]);
      expect(headers.get("location")).toBeNull();
      expect(agent.log.events).toHaveLength(before);
      expect(api.logged("dry-run").at(-1)).toMatchObject({ HOSTS: "web-01", SCRIPT: "hello" });
    },
  );

  test("that is a dry run of a rollout has the batch of each host, and of an expression what was claimed", async () => {
    const { learned } = api.fleet.controller.store;
    await learned.learn(new Map([["web-01", { tags: { env: "test" } }]]));
    const { json } = await run("hello", {
      hosts: ["web-02.invalid", "@env=test"],
      rollout: { batch: [1] },
      dry_run: true,
    });
    expect(json).toMatchObject({
      hosts: [
        { host: "web-02.invalid", registered: false, batch: 1 },
        { host: "web-01", registered: true, batch: 2, claimed_tags: { env: "test" } },
      ],
    });
  });

  test("has as warnings what may be a slip in its hosts, and so have the ping, the discovery and the dry run", async () => {
    const { learned } = api.fleet.controller.store;
    // Ping and discovery learn that there are none.
    const learn = () => learned.learn(new Map([["web-01", { tags: { env: "demo" } }]]));
    const warnings = ["excludes no host: @env=dmeo. Did you mean @env=demo?"];
    const hosts = ["@all!@env=dmeo"];
    const told = { hosts, script: "hello", args: ["you"] };
    await learn();
    for (const more of [{}, { dry_run: true }, { wait: false }, { rollout: { batch: [1] } }]) {
      expect((await api.post("/run", { ...told, ...more })).json).toMatchObject({ warnings });
    }
    for (const path of ["/ping", "/discovery"]) {
      await learn();
      expect((await api.post(path, { hosts })).json).toMatchObject({ warnings });
    }
    expect((await api.post("/ping", { hosts: ["web-01"] })).json).not.toHaveProperty("warnings");
  });

  test("is one or the other: dry_run is true or false, also of a resumed rollout", async () => {
    expect(await run("hello", { dry_run: "yes" })).toMatchObject({
      status: 400,
      json: { detail: "dry_run: expected true or false" },
    });
    const resume = "/runs/00000000000000b9/resume";
    expect(await api.post(resume, { script: "hello", dry_run: 1 })).toMatchObject({
      status: 400,
      json: { detail: "dry_run: expected true or false" },
    });
    expect(await api.post(resume, { script: "hello", dry_run: true })).toMatchObject({
      status: 404,
      json: { detail: "no run 00000000000000b9 that you may see" },
    });
  });

  test("that certainly did not run says no way back", async () => {
    const { json } = await run("hello", { hosts: ["web-01:1"] });
    expect(json).toMatchObject({ ok: true, results: [{ exit: -1, state: "never-ran" }] });
    expect(json).not.toHaveProperty("hint");
  });

  test("whose end is not known says how to come back", async () => {
    await using peer = await streamingPeer(agent, (call) => {
      call.json({ exit: -1, stdout: "", stderr: "", state: "unknown", error: "x" });
    });
    const { json } = await run("hello", { hosts: [`web-01:${peer.port}`] });
    const { reqid } = json as { reqid: string };
    expect(json).toMatchObject({
      results: [{ state: "unknown" }],
      hint: `Ask again with GET /status/${reqid}, or follow it with GET /runs/${reqid}/events; end it with POST /runs/${reqid}/cancel.`,
    });
  });
});

test("a run that goes on can be read so far, and ended", async () => {
  const reqid = "00000000000000b0";
  const asked: number[] = [];
  await using peer = await streamingPeer(agent, (call) => {
    if (call.what === "POST /cancel") {
      call.json({ status: "running", left: call.body.grace });
    } else if (call.what === "POST /follow") {
      const from = Number(call.body.stdout);
      asked.push(from);
      call.event({ kind: "begin", reqid, script: "hello", started: "2026-01-15T12:00:00Z" });
      call.print("one".slice(from), from);
    } else {
      call.json({ status: "running" });
    }
  });
  const { runs } = api.fleet.controller.store;
  const facts = { script: "hello", submitter: "", token: "", hosts: ["web-01"] };
  const record = await runs.begin({ ...facts, reqid, ports: [peer.port] }, true);
  await record.close();
  const path = `/runs/${reqid}/output/web-01`;
  const { status, headers, text } = await api.get(path, { Range: "bytes=1-" });
  expect([status, headers.get("content-range"), text]).toEqual([206, "bytes 1-2/*", "ne"]);
  expect(headers.get("x-ctrl-exec-complete")).toBe("false");
  // Its agent is not asked for what comes before.
  expect(asked).toEqual([1, 1]);
  expect((await api.post(`/runs/${reqid}/cancel`, { grace: 3 })).json).toEqual({
    ok: true,
    results: [{ host: "web-01", status: "running", left: 3 }],
  });
});

test("an output of which less can be had than there was breaks off: nobody takes it for whole", async () => {
  const reqid = "00000000000000b2";
  let text = "0123456789";
  await using peer = await streamingPeer(agent, (call) => {
    if (call.what !== "POST /follow") return call.json({ status: "running" });
    const from = Number(call.body.stdout);
    call.event({ kind: "begin", reqid, script: "hello", started: "2026-01-15T12:00:00Z" });
    call.print(text.slice(from), from);
    call.end({ stdout_bytes: text.length });
    text = "0123";
  });
  const facts = { script: "hello", submitter: "", token: "", hosts: ["web-01"] };
  const { runs } = api.fleet.controller.store;
  await (await runs.begin({ ...facts, reqid, ports: [peer.port] }, true)).close();
  const got = api.open(`GET /runs/${reqid}/output/web-01 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  await until("it is closed", () => got.closed);
  expect(got.text).toContain("\r\nContent-Length: 10\r\n");
  expect(got.text).toEndWith("\r\n\r\n0123");
});

test("the output of a run that its agent does not know is not kept", async () => {
  const facts = { script: "hello", submitter: "", token: "", hosts: ["web-01"] };
  const reqid = "00000000000000b1";
  const record = await api.fleet.controller.store.runs.begin({ ...facts, reqid }, true);
  await record.close();
  const { status, json } = await api.get(`/runs/${reqid}/output/web-01`);
  expect(status).toBe(404);
  expect((json as { detail: string }).detail).toStartWith("the output of web-01 is not kept: ");
});

test("the output of a run that its agent has not got yet is empty, and not all of it", async () => {
  const facts = { script: "hello", submitter: "", token: "", hosts: ["web-01"] };
  const reqid = "00000000000000b3";
  const record = await api.fleet.controller.store.runs.begin({ ...facts, reqid }, true);
  await record.stored;
  const { status, headers, text } = await api.get(`/runs/${reqid}/output/web-01`);
  expect([status, text, headers.get("content-length")]).toEqual([200, "", "0"]);
  expect(headers.get("x-ctrl-exec-complete")).toBe("false");
  await record.close();
});

test("POST /ping gives a result for each host, in the order given", async () => {
  const { status, json } = await api.post("/ping", { hosts: ["web-02.invalid", "web-01"] });
  expect(status).toBe(200);
  expect(json).toMatchObject({
    ok: true,
    results: [
      { host: "web-02.invalid", status: "error" },
      { host: "web-01", status: "ok" },
    ],
  });
});

test("POST /ping renews the certificates that are due", async () => {
  await using later = await LocalApi.start();
  const { fleet } = later;
  await fleet.addAgent("web-01");
  fleet.passDays(300);
  expect((await later.post("/ping", { hosts: ["web-01"] })).json).toMatchObject({
    results: [{ status: "ok" }],
  });
  await until("it is renewed", () => later.logged("renew-complete").length === 1);
});
