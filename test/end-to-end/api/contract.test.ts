/** Every route and status against /openapi.json, read by a JSON Schema validator that is not ours. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import fc from "fast-check";
import { type ApiAnswer, TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { Contract, type OpenApiDocument } from "../../support/openapi.ts";

let host: ControlHost;
let api: TestApi;
let contract: Contract;

beforeAll(async () => {
  host = await ControlHost.create(["api_port = 0", "api_auth_default = allow", "max_hosts = 20"]);
  await host.startAgent("web-01", {
    scripts: { hello: "echo hello", fails: "exit 3", later: "true" },
  });
  api = await TestApi.start(host);
  contract = new Contract((await api.get("/openapi.json")).json as OpenApiDocument);
});

afterAll(async () => {
  await api.stop();
  await host[Symbol.asyncDispose]();
});

/** Fails unless the answer is what the document promises for its route and status. */
function expectDocumented(method: string, path: string, answer: ApiAnswer): void {
  const operation = contract.operation(method, path);
  expect(contract.answerProblem(operation, answer.status, answer.json)).toBe("");
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
}

const record = async () => {
  const ran = await api.post("/run", { hosts: ["web-01"], script: "hello" });
  return (ran.json as { reqid: string }).reqid;
};

describe("every route answers as the document says", () => {
  test.each([
    ["GET", "/", 200],
    ["GET", "/health", 200],
    ["GET", "/discovery", 200],
    ["GET", "/openapi.json", 200],
    ["GET", "/openapi-live.json", 200],
  ])("%s %s: %d", async (method, path, status) => {
    const answer = await api.ask(method, path);
    expect(answer.status).toBe(status);
    expectDocumented(method, path, answer);
  });

  test.each<[string, string, unknown, number]>([
    ["POST", "/ping", { hosts: ["web-01", "127.0.0.1:1"] }, 200],
    ["POST", "/ping", { hosts: [] }, 400],
    ["POST", "/ping", { hosts: ["web-01", "WEB-01"] }, 400],
    ["POST", "/ping", { hosts: Array.from({ length: 21 }, (_, i) => `h${i}`) }, 400],
    ["POST", "/run", { hosts: ["web-01"], script: "hello", args: ["a b", ""] }, 200],
    ["POST", "/run", { hosts: ["web-01"], script: "fails", username: null, token: null }, 200],
    ["POST", "/run", { hosts: ["web-01"], script: "unknown" }, 200],
    ["POST", "/run", { hosts: ["web-01"], script: "later", wait: false }, 202],
    ["POST", "/run", { hosts: ["web-01"], script: "s".repeat(4096) }, 200],
    ["POST", "/run", { hosts: ["web-01"], script: "s".repeat(4097) }, 400],
    ["POST", "/run", { hosts: ["web-01"], script: "" }, 400],
    ["POST", "/run", { hosts: ["web-01"], script: "a;b" }, 400],
    ["POST", "/run", { hosts: ["web-01"], script: "hello\n" }, 400],
    ["POST", "/run", { hosts: ["web-01"], script: "../hello" }, 400],
    ["POST", "/run", { hosts: ["web-01"], script: "hello", args: "x" }, 400],
    ["POST", "/run", { hosts: ["web-01"], script: "hello", args: ["a\0b"] }, 400],
    ["POST", "/run", "[[[", 400],
    ["POST", "/run", "[".repeat(500), 400],
    ["POST", "/run", "null", 400],
    ["POST", "/discovery", { hosts: ["web-01"] }, 200],
    ["POST", "/discovery", {}, 200],
    ["POST", "/discovery", undefined, 200],
    ["POST", "/discovery", { hosts: [1] }, 400],
    ["POST", "/discovery", { host: ["web-01"] }, 400],
    ["POST", "/run?wait=false", { hosts: ["web-01"], script: "hello" }, 400],
    ["GET", "/health?x=1", undefined, 400],
    ["GET", "/status/0123456789abcdef?x", undefined, 400],
  ])("%s %s %j: %d", async (method, path, body, status) => {
    const answer = await api.ask(method, path, body);
    expect(answer.status).toBe(status);
    const [route = ""] = path.replace(/[0-9a-f]{16}/, "{reqid}").split("?", 1);
    expectDocumented(method, route, answer);
  });

  test("a dry run says who would be asked, in which batch, and nobody is", async () => {
    const ids = async () =>
      ((await api.get("/runs")).json as { runs: { reqid: string }[] }).runs
        .map(({ reqid }) => reqid)
        .toSorted();
    await host.mustRun("tag", ["web-01", "env=test"]);
    const before = await ids();
    const answer = await api.post("/run", {
      ...{ hosts: ["@env=test", "127.0.0.1:1"], script: "hello", args: ["x"], wait: false },
      ...{ rollout: { batch: [1], check: "later" }, dry_run: true },
    });
    expectDocumented("POST", "/run", answer);
    const address = "127.0.0.1";
    const [agent] = host.agents;
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        ...{ ok: true, dry_run: true, script: "hello", args: ["x"] },
        hosts: [
          { host: "web-01", registered: true, address, port: agent?.port, batch: 1 },
          { host: address, registered: false, address, port: 1, batch: 2 },
        ],
      },
    ]);
    expect(await ids()).toEqual(before);
    expect(api.logged("dry-run")).toMatchObject([{ HOSTS: `web-01,${address}`, SCRIPT: "hello" }]);
  });

  test("1 MiB of nesting is 400, one byte more than 1 MiB is 413", async () => {
    const nested = await api.post("/run", "[".repeat(1_048_576));
    expect(nested.status).toBe(400);
    expectDocumented("POST", "/run", nested);
    const long = await api.post("/run", " ".repeat(1_048_577));
    expect(long.status).toBe(413);
    expectDocumented("POST", "/run", long);
  });

  test.each<[string, unknown, string]>([
    ["/run", [], "expected a JSON object"],
    ["/ping", null, "expected a JSON object"],
    ["/discovery", 7, "expected a JSON object"],
    ["/run", { hosts: ["web-01"], script: "greet", args: [1] }, "args.0: expected text"],
    ["/ping", { hosts: ["web-01"], username: 5 }, "username: expected text"],
  ])("%s %j is told in words of this API", async (path, body, detail) => {
    const { status, text } = await api.post(path, body);
    expect([status, JSON.parse(text).detail]).toEqual([400, detail]);
  });

  test("a name that no agent can list, but the API takes, is a result of each host", async () => {
    const { status, json } = await api.post("/run", {
      hosts: ["web-01"],
      script: "s".repeat(300),
    });
    const result = { host: "web-01", exit: -1, error: "script not permitted" };
    expect([status, json]).toMatchObject([200, { ok: true, results: [result] }]);
  });

  test("a fault is reported once, however many rules it breaks", async () => {
    const { status, text } = await api.post("/ping", { hosts: ["bad host"] });
    const detail =
      'hosts.0: Cannot read the hosts "bad host": expected , & or ! between two hosts (character 5)';
    expect([status, JSON.parse(text).detail]).toEqual([400, detail]);
  });

  test("GET /status/{reqid}: 200 for a run, 404 for none", async () => {
    const reqid = await record();
    const known = await api.get(`/status/${reqid}`);
    expect(known.status).toBe(200);
    expectDocumented("GET", "/status/{reqid}", known);
    const unknown = await api.get("/status/0123456789abcdef");
    expect(unknown.status).toBe(404);
    expectDocumented("GET", "/status/{reqid}", unknown);
  });

  test("GET /runs/{reqid} is the same", async () => {
    const reqid = await record();
    const known = await api.get(`/runs/${reqid}`);
    expectDocumented("GET", "/runs/{reqid}", known);
    expect(known).toMatchObject({ status: 200, json: (await api.get(`/status/${reqid}`)).json });
    const unknown = await api.get("/runs/0123456789abcdef");
    expect(unknown.status).toBe(404);
    expectDocumented("GET", "/runs/{reqid}", unknown);
  });

  test("GET /runs and POST /runs/{reqid}/cancel: 200 as documented, 404 for no run", async () => {
    const reqid = await record();
    const listed = await api.get("/runs?limit=1&host=web-01");
    expect(listed.status).toBe(200);
    expectDocumented("GET", "/runs", listed);
    expect(JSON.parse(listed.text).runs).toMatchObject([{ reqid, hosts: [{ host: "web-01" }] }]);
    const { next } = JSON.parse(listed.text);
    const more = await api.get(`/runs?limit=1&host=web-01&after=${next}`);
    expect(more.status).toBe(200);
    expectDocumented("GET", "/runs", more);
    expect(more.text).not.toContain(reqid);
    expect((await api.get("/runs?after=x")).status).toBe(400);
    const cancelled = await api.post(`/runs/${reqid}/cancel`, { grace: 1 });
    expect(cancelled.status).toBe(200);
    expectDocumented("POST", "/runs/{reqid}/cancel", cancelled);
    const result = { host: "web-01", status: "not-running", left: 0 };
    expect(JSON.parse(cancelled.text).results).toEqual([result]);
    const wrong = await api.post(`/runs/${reqid}/cancel`, { hosts: ["web-09"] });
    expect([wrong.status, JSON.parse(wrong.text).hint]).toEqual([400, "Its hosts: web-01"]);
    const unknown = await api.post("/runs/0123456789abcdef/cancel", {});
    expect(unknown.status).toBe(404);
    expectDocumented("POST", "/runs/{reqid}/cancel", unknown);
  });

  test("a damaged record is a 500 that names the run, and nothing else of the inside", async () => {
    const reqid = await record();
    host.folder.write(`control/state/runs/${reqid}.json`, '{"reqid":');
    const answer = await api.get(`/status/${reqid}`);
    expect(answer.status).toBe(500);
    expectDocumented("GET", "/status/{reqid}", answer);
    expect(answer.text).toContain(reqid);
    expect(answer.text).not.toContain(host.folder.path);
  });

  test("417 is answered like any other refusal, with or without a body", async () => {
    for (const head of ["GET /health", "POST /ping"]) {
      const length = "Content-Length: 0\r\nConnection: close";
      const answer = await api.raw(
        `${head} HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n${length}\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 417 Expectation Failed\r\n");
      expect(answer).toMatch(/^X-Request-Id: [0-9a-f]{16}\r$/im);
      expect(answer).toEndWith(
        '{"ok":false,"error":"expectation failed","detail":"no Expect except 100-continue is understood"}',
      );
    }
  });

  test("405 names the methods in Allow; 415 what it wants; an unknown path is 404", async () => {
    const wrong = await api.ask("DELETE", "/discovery");
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    expectDocumented("GET", "/discovery", wrong);
    const form = await api.post("/run", "hosts=web-01", {
      "Content-Type": "application/x-www-form-urlencoded",
    });
    expect(form.status).toBe(415);
    expectDocumented("POST", "/run", form);
    const packed = await api.post("/run", "{}", { "Content-Encoding": "gzip" });
    expect(packed.status).toBe(415);
    expect((await api.get("/nothing")).status).toBe(404);
    expect((await api.get("/status/")).status).toBe(404);
    expect((await api.get("/%68ealth")).status).toBe(404);
  });

  test("T21 of a list that is all wrong one item is told, however long it is", async () => {
    const detail = async (body: unknown) =>
      ((await api.post("/run", body)).json as { detail: string }).detail;
    const args = Array.from({ length: 100_000 }, () => 0);
    expect(await detail({ hosts: ["web-01"], script: "hello", args })).toBe(
      "args.0: expected text",
    );
    const nul = ["a", ...args.map(() => "\0")];
    expect(await detail({ hosts: ["web-01"], script: "hello", args: nul })).toBe(
      "args.1: expected text without NUL bytes",
    );
    expect(await detail({ hosts: args, script: "hello" })).toBe(
      "100000 hosts given; at most 20 at once",
    );
  });

  test("HEAD answers as GET does, without the body", async () => {
    for (const path of ["/", "/health", "/discovery", "/openapi.json", "/openapi-live.json"]) {
      const answer = await api.ask("HEAD", path);
      expect([path, answer.status, answer.text]).toEqual([path, 200, ""]);
      expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(10);
    }
    expect((await api.ask("HEAD", "/run")).status).toBe(405);
  });

  test("bytes that are not a request get one whole refusal", async () => {
    const cases: [string, number][] = [
      ["\x16\x03\x01\x02\x00 not http\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", 400],
      ["GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400],
      [
        "POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        400,
      ],
      [`GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(100_000)}\r\n\r\n`, 431],
      ["CONNECT db-01:7443 HTTP/1.1\r\nHost: x\r\n\r\n", 405],
      ["OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404],
    ];
    for (const [bytes, status] of cases) {
      const answer = await api.raw(bytes);
      expect(answer).toStartWith(`HTTP/1.1 ${status} `);
      const [head = "", body = ""] = answer.split("\r\n\r\n", 2);
      expect(head).toMatch(/X-Request-Id: [0-9a-f]{16}/);
      expect(JSON.parse(body)).toMatchObject({ ok: false });
    }
  });
});

test("a body that is too long is one line in the log, however much of it still comes", async () => {
  const before = api.logged("api-request").length;
  const socket = connect({ port: api.port, host: "127.0.0.1" });
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const head = ["POST /run HTTP/1.1", "Host: x", "Content-Type: application/json"];
  socket.write([...head, "Content-Length: 9000000", "", "x"].join("\r\n"));
  const sending = setInterval(() => socket.write("x".repeat(65_536)), 5);
  await closed;
  clearInterval(sending);
  expect((await api.get("/health")).status).toBe(200);
  const lines = api.logged("api-request").slice(before);
  expect(lines.map(({ PATH, STATUS }) => `${PATH} ${STATUS}`)).toEqual(["/run 413", "/health 200"]);
});

/** What a client may get wrong, one thing at a time or all at once. */
const names = fc.constantFrom("web-01", "127.0.0.1:1", "[::1]:1", "a b", "../x", "");
const bodies = fc.oneof(
  fc.json(),
  fc.string(),
  fc
    .record(
      {
        hosts: fc.oneof(fc.array(names, { maxLength: 3 }), fc.jsonValue()),
        script: fc.oneof(fc.constantFrom("hello", "fails", "../hello", ""), fc.jsonValue()),
        args: fc.oneof(fc.array(fc.string({ unit: "binary" }), { maxLength: 3 }), fc.jsonValue()),
        wait: fc.oneof(fc.boolean(), fc.jsonValue()),
        username: fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue()),
        token: fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue()),
        ["__proto__"]: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((body) => JSON.stringify(body)),
);

/** Requests that fit the document's schema. */
const valid = fc.record(
  {
    hosts: fc.uniqueArray(fc.constantFrom("web-01", "127.0.0.1:1", "[::1]:1"), { minLength: 1 }),
    script: fc.constantFrom("hello", "fails", "unknown"),
    args: fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3 }),
    username: fc.oneof(fc.string({ unit: "grapheme" }), fc.constant(null)),
    token: fc.option(fc.string({ unit: "grapheme" })),
  },
  { requiredKeys: ["hosts", "script"] },
);

const AT_ONCE = 16;

/** Asks in groups, so that thousands of requests take seconds. */
async function askAll(
  samples: readonly { path: string; body: string }[],
  check: (sample: { path: string; body: string }, answer: ApiAnswer) => void,
): Promise<void> {
  const queue = samples.values();
  const worker = async () => {
    for (const sample of queue) {
      check(sample, await api.ask("POST", sample.path, sample.body));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

test("T30 a run while a lock is held is 409 with what is in its way, whoever holds it", async () => {
  const agent = await host.startAgent("web-02", {
    scripts: { wait: 'touch "$1.here"; until [ -e "$1" ]; do sleep 0.02; done' },
  });
  const mark = agent.path("go");
  const order = { hosts: ["web-01", "web-02"], script: "wait", args: [mark] };
  const typed = host.run("run", ["web-02", "wait", "--", mark]);
  await until("the script runs", () => existsSync(`${mark}.here`));
  const refused = await api.post("/run", order);
  expect(refused.status).toBe(409);
  const { runs } = (await api.get("/runs?host=web-02")).json as { runs: { reqid: string }[] };
  const [{ reqid } = { reqid: "" }] = runs;
  expect(refused.json).toEqual({
    ok: false,
    error: "locked",
    detail: "Locked: already running: web-02:wait",
    code: 4,
    conflicts: ["web-02:wait"],
    hint: `Run ${reqid} is in the way: see GET /status/${reqid}, or end it with POST /runs/${reqid}/cancel.`,
  });
  expectDocumented("POST", "/run", refused);
  host.folder.write("web-02/go", "");
  expect((await typed).status).toBe(0);
  expect((await api.post("/run", order)).status).toBe(200);
});

test("T30 of many who run one script on one host at once, one at a time does", async () => {
  const folder = host.folder.join("beside");
  const agent = await host.startAgent("web-03", {
    // mkdir fails when another one is inside.
    scripts: { alone: `mkdir ${folder} || exit 9; sleep 0.05; rmdir ${folder}` },
  });
  const order = { hosts: [agent.name], script: "alone" };
  const overHttp = Array.from({ length: 20 }, async () => {
    const { status, json } = await api.post("/run", order);
    return status === 409 ? "locked" : (json as { results: { exit: number }[] }).results[0]?.exit;
  });
  const typed = Array.from({ length: 5 }, async () => {
    const { out } = await host.run("run", [agent.name, "alone", "--json"]);
    const { error, results } = JSON.parse(out) as { error?: string; results?: { exit: number }[] };
    return error ?? results?.[0]?.exit;
  });
  const outcomes = await Promise.all([...overHttp, ...typed]);
  expect(new Set(outcomes)).toEqual(new Set(["locked", 0]));
});

describe("generated requests", () => {
  const path = fc.constantFrom("/ping", "/run", "/discovery");

  test("any body: a documented answer, never a 500, and 400 is said in words", async () => {
    const samples = fc.sample(fc.record({ path, body: bodies }), { numRuns: 3000, seed: 5 });
    await askAll(samples, (sample, answer) => {
      expect(answer.status, JSON.stringify(sample)).toBeLessThan(500);
      expectDocumented("POST", sample.path, answer);
      if (answer.status === 400) expect(answer.json).toHaveProperty("detail");
    });
  });

  test("a body that matches the schema is never refused", async () => {
    const text = valid.filter((body) => !JSON.stringify(body).includes("\\u0000"));
    const requests = fc.record({ path, body: text }).map(({ path, body }) => {
      const { script, args, ...others } = body;
      return { path, body: JSON.stringify(path === "/run" ? body : others) };
    });
    const samples = fc.sample(requests, { numRuns: 600, seed: 6 });
    await askAll(samples, (sample, answer) => {
      const operation = contract.operation("POST", sample.path);
      expect(contract.requestFits(operation, JSON.parse(sample.body))).toBe(true);
      // The same script on the same host at once is somebody else's at that moment.
      const accepted = sample.path === "/run" ? [200, 409] : [200];
      expect(accepted, JSON.stringify(sample)).toContain(answer.status);
      expectDocumented("POST", sample.path, answer);
    });
  });
});
