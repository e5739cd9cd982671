/** What every request passes, whatever its route, and what a reload and a stop mean for those that are under way. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { startApi } from "../../../src/api/server.ts";
import { KeptDialler } from "../../../src/controller/fleet/kept-dialler.ts";
import { CtrlExecError } from "../../../src/core/errors.ts";
import { freePort } from "../../../src/system/net/free-port.ts";
import { until } from "../../support/folder.ts";
import { LocalApi } from "../../support/local-api.ts";
import { LocalFleet } from "../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../support/streaming-peer.ts";

/** One that any request may be sent to: no test changes it. */
let plain: LocalApi;

beforeAll(async () => {
  plain = await LocalApi.start();
});

afterAll(async () => await plain[Symbol.asyncDispose]());

const head = (line: string, ...headers: readonly string[]) =>
  [`${line} HTTP/1.1`, "Host: 127.0.0.1", ...headers, "", ""].join("\r\n");

/** An API whose hook notes each request in a file of its own, and waits until the test lets it go. */
async function heldApi(lines: readonly string[] = [], drainMs?: number) {
  const api = await LocalApi.start(lines, drainMs);
  const { fleet } = api;
  const hook = fleet.folder.script(
    "hook",
    'mkdir -p "$0.asked"; mktemp "$0.asked/XXXXXX" > /dev/null; until [ -e "$0.go" ]; do sleep 0.02; done',
  );
  const controller = {
    ...fleet.controller,
    config: { ...fleet.controller.config, auth_hook: hook },
  };
  api.server.reload(controller);
  const asked = async (count: number) =>
    await until(`${count} are under way`, () => {
      return fleet.folder.has("hook.asked") && readdirSync(`${hook}.asked`).length === count;
    });
  return { api, controller, asked, go: () => writeFileSync(`${hook}.go`, "") };
}

describe("a request is refused before its route is asked, if", () => {
  test("it names two hosts, which also ends its connection", async () => {
    const got = plain.open(head("GET /health", "Host: localhost"));
    await until("it is closed", () => got.closed);
    expect(got.text).toStartWith("HTTP/1.1 400 ");
    expect(got.text).toContain("\r\nConnection: close\r\n");
    expect(got.text).toContain('"detail":"HTTP/1.1 requires one Host header"');
  });

  test("it expects what nobody understands", async () => {
    const got = plain.open(head("GET /health", "Expect: everything"));
    await until("it is answered", () => got.text.includes("}"));
    expect(got.text).toStartWith("HTTP/1.1 417 ");
    expect(got.text).toContain('"detail":"no Expect except 100-continue is understood"');
  });

  test("it has no such path, or no such method there", async () => {
    expect(await plain.get("/helth")).toMatchObject({
      status: 404,
      json: { ok: false, error: "not found", detail: "no such route; GET / lists them" },
    });
    const wrong = await plain.post("/health", {});
    expect(wrong).toMatchObject({
      status: 405,
      json: { error: "method not allowed", detail: "allowed here: GET, HEAD" },
    });
    expect(wrong.headers.get("allow")).toBe("GET, HEAD");
  });
});

test("each request is one line of the log, with the id that its answer has", async () => {
  const { status, headers } = await plain.post("/discovery?x=/y", { hosts: ["web-01"] });
  expect([status, headers.get("connection")]).toEqual([400, "keep-alive"]);
  const reqid = headers.get("x-request-id") ?? "";
  expect(plain.logged("api-request").filter(({ REQID }) => REQID === reqid)).toEqual([
    {
      LEN: '{"hosts":["web-01"]}'.length,
      METHOD: "POST",
      PATH: "/discovery",
      PEER: "127.0.0.1",
      REQID: reqid,
      STATUS: 400,
    },
  ]);
  expect(plain.logged("api-error")).toEqual([]);
});

test("bytes that are not a request are answered, and logged as that", async () => {
  const got = plain.open("nonsense\r\n\r\n");
  await until("it is closed", () => got.closed);
  const [, reqid = ""] = /X-Request-Id: ([0-9a-f]{16})/.exec(got.text) ?? [];
  expect(got.text).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  expect(plain.logged("api-request")).toContainEqual({
    ...{ LEN: 0, METHOD: "", PATH: "", PEER: "127.0.0.1" },
    ...{ REQID: reqid, STATUS: 400 },
  });
});

test("T67 what goes wrong on this host is logged with its cause, and not told", async () => {
  await using api = await LocalApi.start();
  writeFileSync(api.fleet.controller.config.cert, "no certificate");
  const { json, headers } = await api.post("/ping", { hosts: ["web-01"] });
  const reqid = headers.get("x-request-id") ?? "";
  expect(json).toMatchObject({ error: "server error", detail: expect.stringContaining(reqid) });
  expect(api.logged("api-error")).toEqual([
    { ERROR: expect.stringMatching(/^Cannot read \S+ctrl-exec\.crt: /), REQID: reqid },
  ]);
});

test.each([
  ["", "Cannot write it"],
  ["no space left", "Cannot write it: no space left"],
])("its cause, %p, is logged after what went wrong, and neither is told", async (why, told) => {
  await using api = await LocalApi.start();
  const { controller } = api.fleet;
  const cause = why === "" ? {} : { cause: new Error(why) };
  const begin = () => Promise.reject(new CtrlExecError("storage", "Cannot write it", cause));
  const store = { ...controller.store, runs: { ...controller.store.runs, begin } };
  api.server.reload({ ...controller, store });
  const order = { hosts: [`127.0.0.1:${freePort()}`], script: "count" };
  const { status, text } = await api.post("/run", order);
  expect([status, text.includes("Cannot write it")]).toEqual([500, false]);
  expect(api.logged("api-error").map(({ ERROR }) => ERROR)).toEqual([told]);
});

test("a run that could not be brought to its end is logged, though nobody waits for it", async () => {
  await using api = await LocalApi.start();
  const { controller } = api.fleet;
  const remember = () => Promise.reject(new Error("no clocks"));
  const clocks = { ...controller.store.clocks, remember };
  api.server.reload({ ...controller, store: { ...controller.store, clocks } });
  const order = { hosts: [`127.0.0.1:${freePort()}`], script: "count", wait: false };
  expect((await api.post("/run", order)).status).toBe(202);
  await until("it is logged", () => api.logged("api-error").length > 0);
  expect(api.logged("api-error")).toEqual([{ ERROR: "no clocks" }]);
});

test("T25 a name that is not this API's is refused with plain HTTP on a loopback address, unless api_hosts has it", async () => {
  await using api = await LocalApi.start(["api_auth_default = allow", "api_hosts = ctrl.example"]);
  expect((await api.get("/health", { Host: "ctrl.example" })).status).toBe(200);
  expect(await api.get("/health", { Host: "evil.example" })).toMatchObject({
    status: 403,
    json: { error: "this Host is not in api_hosts" },
  });
});

test("HEAD is answered as GET is, without the body", async () => {
  const { text, headers, status } = await plain.ask("HEAD", "/health");
  const whole = await plain.get("/health");
  expect([status, text]).toEqual([200, ""]);
  expect(headers.get("content-length")).toBe(String(whole.text.length));
});

test("a request gives its slot back, whatever became of it", async () => {
  await using api = await LocalApi.start(["api_auth_default = allow", "api_max_requests = 1"]);
  const statuses: number[] = [];
  for (const path of ["/", "/?x=1", "/health", "/runs", "/status/none", "/"]) {
    statuses.push((await api.get(path)).status);
  }
  expect(statuses).toEqual([200, 400, 200, 200, 404, 200]);
});

test("T21 beyond api_max_requests one caller is refused, liveness checks are not, and a reload changes how many", async () => {
  const { api, controller, asked, go } = await heldApi(["api_max_requests = 1"]);
  await using _ = api;
  const first = api.get("/");
  await asked(1);
  expect(await api.get("/")).toMatchObject({ status: 429, json: { error: "too many requests" } });
  const alive = api.get("/health");
  await asked(2);
  api.server.reload({ ...controller, config: { ...controller.config, api_max_requests: 3 } });
  const third = api.get("/");
  await asked(3);
  go();
  const statuses = (await Promise.all([first, alive, third])).map(({ status }) => status);
  expect(statuses).toEqual([200, 200, 200]);
});

describe("a run that nobody waits for", () => {
  /** One of which its agent has been told, and has not answered. */
  async function runningApi(before: (api: LocalApi) => Promise<void> = async () => undefined) {
    const api = await LocalApi.start(["api_auth_default = allow", "api_max_requests = 1"]);
    await before(api);
    const agent = await api.fleet.addAgent("web-01");
    const calls: StreamedCall[] = [];
    const peer = await streamingPeer(agent, (call) => calls.push(call));
    const order = { hosts: [`web-01:${peer.port}`], script: "count", wait: false };
    expect((await api.post("/run", order)).status).toBe(202);
    await until("its agent is asked", () => calls.length === 1);
    const end = () => calls[0]?.json({ exit: 0, stdout: "", stderr: "" });
    const dispose = async () => {
      await peer[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    };
    return { api, end, [Symbol.asyncDispose]: dispose };
  }

  test("keeps its slot until it has ended", async () => {
    await using stage = await runningApi();
    const { api } = stage;
    expect((await api.get("/")).status).toBe(429);
    stage.end();
    await until("it has its slot back", async () => (await api.get("/")).status === 200);
  });

  test("T21 keeps the one there is, though a rollout has given its own back before it ended", async () => {
    await using stage = await runningApi(async (api) => {
      const hosts = [`127.0.0.1:${freePort()}`];
      const order = { hosts, script: "count", rollout: { batch: [1] } };
      expect((await api.post("/run", order)).status).toBe(200);
    });
    expect((await stage.api.get("/")).status).toBe(429);
    stage.end();
  });

  test("is waited for when the API stops", async () => {
    await using stage = await runningApi();
    const order: string[] = [];
    const stopped = stage.api.server.stop().then(() => order.push("stopped"));
    setTimeout(() => {
      order.push("ended");
      stage.end();
    }, 20);
    await stopped;
    expect(order).toEqual(["ended", "stopped"]);
  });
});

describe("a reload", () => {
  test("takes up what the next request needs", async () => {
    await using api = await LocalApi.start();
    const { controller } = api.fleet;
    expect((await api.get("/health")).status).toBe(200);
    api.server.reload({
      ...controller,
      config: { ...controller.config, api_auth_default: "deny" },
    });
    expect((await api.get("/health")).status).toBe(403);
  });

  test("does not go from plain HTTP to TLS or back, and leaves everything as it was", async () => {
    await using fleet = await LocalFleet.create(["api_port = 0", "api_auth_default = allow"]);
    const { controller } = fleet;
    const { cert, key } = controller.config;
    const secured = {
      ...controller,
      config: { ...controller.config, api_cert: cert, api_key: key },
    };
    for (const [before, after] of [
      [controller, secured],
      [secured, controller],
    ] as const) {
      const server = await startApi(before);
      expect(server.usesTls).toBe(before === secured);
      expect(() => server.reload(after)).toThrow("Cannot change between TLS and plain HTTP");
      server.reload(before);
      await server.stop();
    }
    expect(fleet.log.of("api-start").map(({ fields }) => fields.TLS)).toEqual(["no", "yes"]);
  });
});

test("with TLS any name may be in Host: the browser compares it with the certificate's", async () => {
  await using fleet = await LocalFleet.create(["api_port = 0", "api_auth_default = allow"]);
  const { cert, key } = fleet.controller.config;
  const config = { ...fleet.controller.config, api_cert: cert, api_key: key };
  const server = await startApi({ ...fleet.controller, config });
  const { status } = await fetch(`https://127.0.0.1:${server.port}/health`, {
    headers: { Host: "ctrl.example" },
    tls: { rejectUnauthorized: false },
  });
  expect(status).toBe(200);
  const socket = connect({ port: server.port, host: "127.0.0.1" });
  socket.on("error", () => undefined);
  socket.write("GET /health HTTP/1.1\r\n\r\n");
  await until("that it spoke no TLS is logged", () => fleet.log.of("tls-failure").length === 1);
  socket.destroy();
  expect(fleet.log.of("tls-failure")[0]?.fields).toMatchObject({ PEER: "127.0.0.1" });
  await server.stop();
});

test("without a certificate of this control host it does not start", async () => {
  await using fleet = await LocalFleet.bare(["api_port = 0"]);
  await expect(startApi(fleet.controller)).rejects.toMatchObject({ code: "config" });
  expect(fleet.log.of("api-start")).toEqual([]);
});

test("it says where it listens and that it has stopped: then nobody is connected, and nobody can be", async () => {
  await using api = await LocalApi.start();
  const { port } = api.server;
  expect(api.logged("api-start")).toEqual([{ BIND: "127.0.0.1", PORT: port, TLS: "no" }]);
  const kept = api.open(head("GET /health"));
  await until("it is answered, and kept", () => kept.text.includes("}"));
  const { rollouts } = api.fleet.controller.store;
  expect(await rollouts.isTaker()).toBe(true);
  await api.server.stop();
  expect(api.logged("api-stop")).toEqual([{}]);
  expect(await rollouts.isTaker()).toBe(false);
  await until("it is closed", () => kept.closed);
  const late = api.open("");
  await until("it is refused", () => late.closed);
  expect(late.socket.errored).toMatchObject({ code: "ECONNREFUSED" });
});

describe("a stop", () => {
  test("waits for what is under way, which is answered and ends its connection", async () => {
    const { api, asked, go } = await heldApi();
    await using _ = api;
    const health = api.get("/health");
    await asked(1);
    const stopped = api.server.stop();
    go();
    const { status, headers } = await health;
    expect([status, headers.get("connection")]).toEqual([200, "close"]);
    await stopped;
    expect(api.logged("api-stop")).toEqual([{}]);
  });

  test("refuses what has not wholly come by then", async () => {
    await using api = await LocalApi.start();
    const got = api.open(head("POST /discovery", "Content-Length: 2", "Expect: 100-continue"));
    await until("its body may come", () => got.text.includes("100 Continue"));
    const stopped = api.server.stop();
    got.socket.write("{}");
    await until("it is answered", () => got.text.includes("}"));
    expect(got.text).toContain("HTTP/1.1 503 Service Unavailable\r\n");
    expect(got.text).toContain("\r\nRetry-After: 1\r\n");
    expect(got.text).toContain('"detail":"the API is stopping"');
    await stopped;
  });

  test("ends what streams there are, whole, and does not wait for what they tell of", async () => {
    await using api = await LocalApi.start();
    const agent = await api.fleet.addAgent("web-01");
    await using peer = await streamingPeer(agent, (call) => call.begin());
    const facts = { script: "count", submitter: "", token: "", hosts: ["web-01"] };
    const reqid = "00000000000000c1";
    const { runs } = api.fleet.controller.store;
    await (await runs.begin({ ...facts, reqid, ports: [peer.port] }, true)).close();
    const got = api.open(head(`GET /runs/${reqid}/events`));
    await until("it has begun", () => got.text.includes('"event":"start"'));
    const began = performance.now();
    await api.server.stop();
    expect(performance.now() - began).toBeLessThan(5000);
    await until("it is closed", () => got.closed);
    expect(got.text).toEndWith("\r\n0\r\n\r\n");
  });

  test("begins no stream any more: it would only end", async () => {
    const { api, asked, go } = await heldApi();
    await using _ = api;
    const reqid = "00000000000000c0";
    const facts = { reqid, script: "count", submitter: "", token: "", hosts: ["web-01"] };
    await (await api.fleet.controller.store.runs.begin(facts, true)).close();
    const events = api.get(`/runs/${reqid}/events`);
    await asked(1);
    const stopped = api.server.stop();
    go();
    expect(await events).toMatchObject({
      status: 503,
      json: { error: "busy", detail: "the API is stopping" },
    });
    await stopped;
  });

  test("after its time gives up what is under way, and each request has one whole answer", async () => {
    await using api = await LocalApi.start(["api_auth_default = allow"], 20);
    const [quick, stuck] = [await api.fleet.addAgent("web-01"), await api.fleet.addAgent("web-02")];
    const stdout = "x".repeat(2_000_000);
    await using ended = await streamingPeer(quick, (call) => {
      call.json({ exit: 0, stdout, stderr: "" });
    });
    const calls: StreamedCall[] = [];
    await using peer = await streamingPeer(stuck, (call) => calls.push(call));
    const hosts = [`web-01:${ended.port}`, `web-02:${peer.port}`];
    const run = api.post("/run", { hosts, script: "count" });
    const ping = api.post("/ping", { hosts: hosts.slice(1) });
    await until("one has answered, and one is asked", () => {
      return api.logged("run").length === 1 && calls.length === 2;
    });
    await api.server.stop();
    const error = expect.stringContaining("ctrl-exec-api stopped before ");
    expect(await run).toMatchObject({ status: 200, json: { results: [{ stdout }, { error }] } });
    expect(await ping).toMatchObject({ status: 503, json: { detail: "the API is stopping" } });
    for (const call of calls) call.json({});
    await until("the ping has its end", () => api.logged("ping").length === 1);
    await Bun.sleep(0);
    expect(api.logged("api-request").map(({ STATUS }) => STATUS)).toEqual([200, 503]);
  });

  test("closes the connections to agents that were kept", async () => {
    await using api = await LocalApi.start();
    const dialler = new KeptDialler();
    const controller = { ...api.fleet.controller, dialler };
    api.server.reload(controller);
    const setting = () => dialler.current(controller.config, api.fleet.now);
    // What was written a moment ago may be written again at the same time of the clock.
    await until("its files count as unchanged", () => {
      const earlier = setting();
      return setting() === earlier;
    });
    const before = setting();
    await api.server.stop();
    expect(setting() === before).toBe(false);
  });

  test("does not wait for a client that has left in the middle of its request", async () => {
    await using api = await LocalApi.start();
    const got = api.open(head("POST /discovery", "Content-Length: 2", "Expect: 100-continue"));
    await until("its body may come", () => got.text.includes("100 Continue"));
    got.socket.destroy();
    const began = performance.now();
    await api.server.stop();
    expect(performance.now() - began).toBeLessThan(5000);
    expect(api.logged("api-error")).toEqual([]);
    expect(api.logged("api-request").map(({ STATUS }) => STATUS)).toEqual([400]);
  });
});
