/** Runs over HTTP on many hosts, on hosts that misbehave, and many at once. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { freePort } from "../../../src/system/net/free-port.ts";
import { TestApi } from "../../support/api.ts";
import { FakeAgent, jsonAnswer } from "../../support/fake-agent.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

const OPEN = ["api_port = 0", "api_auth_default = allow"];

interface RunAnswer {
  readonly reqid: string;
  readonly results: { host: string; exit: number; stdout: string; error?: string }[];
}

/** A port of every loopback address on which nobody speaks TLS. */
async function badPort(onConnection: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen({ port: 0, host: "0.0.0.0" }, resolve);
  await promise;
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { port, [Symbol.dispose]: () => void server.close() };
}

test("T23 500 hosts of which 50 hang, 50 refuse and 50 reset: each has its own result, in time", async () => {
  await using host = await ControlHost.create([
    ...OPEN,
    "read_timeout = 30",
    "connect_timeout = 10",
  ]);
  // Every address of 127.0.0.0/8 is this host: one agent stands behind 350 of them, and runs a run once.
  const agent = await host.addAgent("web-01", { scripts: { say: 'echo "$1"' } });
  const config = [`port = ${agent.port}`, "bind = 0.0.0.0", "max_connections = 1000"];
  host.folder.write("web-01/agent.conf", [...config, "rate_limit_disable = 1", ""].join("\n"));
  await agent.pair();
  await agent.serve();
  using hanging = await badPort(() => undefined);
  using resetting = await badPort((socket) => void socket.resetAndDestroy());
  const refusing = freePort();
  const kinds = Array.from({ length: 500 }, (_, index) => {
    const address = `127.7.${index >> 8}.${index & 255}`;
    if (index % 10 === 3) return { address, port: hanging.port, kind: "hang" };
    if (index % 10 === 5) return { address, port: refusing, kind: "refuse" };
    if (index % 10 === 7) return { address, port: resetting.port, kind: "reset" };
    return { address, port: agent.port, kind: "good" };
  });
  await using api = await TestApi.start(host);
  const { status, json } = await api.post("/run", {
    hosts: kinds.map(({ address, port }) => `${address}:${port}`),
    script: "say",
    args: ["hello"],
  });
  expect(status).toBe(200);
  const { reqid, results } = json as RunAnswer;
  expect(results.map((result) => result.host)).toEqual(kinds.map(({ address }) => address));
  for (const [index, { kind }] of kinds.entries()) {
    const { exit, stdout, error } = results[index] ?? { exit: 0, stdout: "" };
    if (kind === "good" && exit !== 0) expect(error).toBe("reqid already used");
    else if (kind === "good") expect([stdout, error]).toEqual(["hello\n", undefined]);
    if (kind === "hang")
      expect([exit, error]).toEqual([-1, expect.stringContaining("then says nothing")]);
    if (kind === "refuse") expect(error).toContain("connection refused");
    if (kind === "reset") expect(error).toContain("closed the connection before TLS");
  }
  expect(results.filter(({ exit }) => exit === 0)).toHaveLength(1);
  const stored = (await api.get(`/status/${reqid}`)).json;
  expect(stored).toMatchObject({ complete: true, pending: [], results });
});

test("T18 runs at once share nothing: no output, argument or context of one reaches another", async () => {
  await using host = await ControlHost.create(OPEN);
  const scripts = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`say-${index}`, 'echo "$@"; cat']),
  );
  for (const name of ["web-01", "web-02"]) await host.startAgent(name, { scripts });
  await using api = await TestApi.start(host);
  const runs = await Promise.all(
    Object.keys(scripts).map(async (script, index) => {
      const args = [`only-${index}`, "x".repeat(index * 1000)];
      const order = {
        hosts: ["web-01", "web-02"],
        script,
        args,
        username: `u${index}`,
        token: `t${index}`,
      };
      return { order, answer: (await api.post("/run", order)).json as RunAnswer };
    }),
  );
  expect(new Set(runs.map(({ answer }) => answer.reqid)).size).toBe(runs.length);
  for (const { order, answer } of runs) {
    for (const { stdout } of answer.results) {
      const [line = "", context = ""] = stdout.split("\n");
      expect(line).toBe(order.args.join(" "));
      expect(JSON.parse(context)).toMatchObject({
        script: order.script,
        args: order.args,
        reqid: answer.reqid,
        username: order.username,
        token: order.token,
      });
    }
  }
});

describe("T29 a hostile agent", () => {
  const endless = (socket: TLSSocket, head: string, chunk: string) => {
    socket.write(head);
    const more = () => {
      while (!socket.destroyed && socket.write(chunk)) {
        // As fast as it is read.
      }
    };
    socket.on("drain", more);
    more();
  };
  const cases: [name: string, misbehave: (socket: TLSSocket) => void, error: RegExp][] = [
    [
      "1 GiB of JSON",
      (socket) =>
        endless(
          socket,
          "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
          "[".repeat(1 << 20),
        ),
      /the answer of web-01 to \/capabilities was dropped: it is larger than 2 MiB/,
    ],
    [
      "endless headers",
      (socket) => endless(socket, "HTTP/1.1 200 OK\r\n", `X-A: ${"a".repeat(4000)}\r\n`),
      /web-01|closed|not HTTP/,
    ],
    [
      "an endless body without a length",
      (socket) => endless(socket, "HTTP/1.1 200 OK\r\n\r\n", "[".repeat(1 << 16)),
      /the answer of web-01 to \/capabilities was dropped: it is larger than 2 MiB/,
    ],
    ["no HTTP", (socket) => void socket.end("SSH-2.0-x\r\n"), /web-01 answered with something/],
    ["no JSON", (socket) => void socket.end("HTTP/1.0 200 OK\r\n\r\n<html>"), /that is not JSON/],
    ["wrong types", (socket) => void socket.end(jsonAnswer({ status: 7, scripts: "x" })), /web-01/],
    ["a null", (socket) => void socket.end(jsonAnswer(null)), /web-01/],
    [
      "script names that are paths",
      (socket) => void socket.end(jsonAnswer({ status: "ok", scripts: [{ name: "../x" }] })),
      /web-01/,
    ],
    ["nothing, and hangs up", (socket) => void socket.destroy(), /closed the connection/],
  ];

  test("is bounded, named, and harms no other host's result", async () => {
    await using host = await ControlHost.create([...OPEN, "read_timeout = 20"]);
    const agent = await host.addAgent("web-01");
    await agent.pair();
    await host.startAgent("web-02", { scripts: { hello: "echo hello" } });
    await using api = await TestApi.start(host);
    for (const [name, misbehave, error] of cases) {
      using _ = await FakeAgent.start(agent, misbehave);
      const { status, json } = await api.post("/discovery", { hosts: ["web-01", "web-02"] });
      expect([name, status]).toEqual([name, 200]);
      const { hosts } = json as { hosts: Record<string, { status: string; error?: string }> };
      expect([name, hosts["web-01"]?.status]).toEqual([name, "error"]);
      expect(hosts["web-01"]?.error).toMatch(error);
      expect([name, hosts["web-02"]?.status]).toEqual([name, "ok"]);
    }
    expect(residentMiB(api)).toBeLessThan(400);
  });

  test("a false host name in its answer is not believed, and output is cleaned for a terminal", async () => {
    await using host = await ControlHost.create(OPEN);
    const agent = await host.addAgent("web-01");
    await agent.pair();
    const evil = "\u001b]0;owned\u0007\u001b[31mred";
    using _ = await FakeAgent.start(agent, (socket) => {
      socket.end(
        jsonAnswer({
          host: "db-01",
          script: "other",
          exit: 0,
          stdout: evil,
          stderr: evil,
          reqid: "x",
        }),
      );
    });
    await using api = await TestApi.start(host);
    const { json } = await api.post("/run", { hosts: ["web-01"], script: "hello" });
    const { reqid, results } = json as RunAnswer;
    expect(results).toMatchObject([{ host: "web-01", script: "hello", reqid, stdout: evil }]);
    expect((await api.get(`/status/${reqid}`)).json).toMatchObject({ hosts: ["web-01"] });
  });
});

function residentMiB(api: TestApi): number {
  const status = readFileSync(`/proc/${api.running.child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

describe("connections to agents", () => {
  const ok = { status: "ok", host: "x", version: "1", expiry: "" };
  const keep = ["Connection: keep-alive", "Keep-Alive: timeout=5"];
  const run = { exit: 0, stdout: "ran\n", stderr: "" };

  async function pairedHost(lines: readonly string[] = []) {
    const host = await ControlHost.create([...OPEN, ...lines]);
    const agent = await host.addAgent("web-01");
    await agent.pair();
    return { host, agent };
  }

  test("are reused between requests, and not with keepalive = 0", async () => {
    for (const [lines, expected] of [
      [[], 1],
      [["keepalive = 0"], 10],
    ] as const) {
      const { host, agent } = await pairedHost(lines);
      await using _ = host;
      using fake = await FakeAgent.start(
        agent,
        (socket) => void socket.write(jsonAnswer(ok, keep)),
      );
      await using api = await TestApi.start(host);
      for (let count = 0; count < 10; count++) {
        const { json } = await api.post("/ping", { hosts: ["web-01"] });
        expect(json).toMatchObject({ results: [{ status: "ok" }] });
      }
      expect(fake.connections).toBe(expected);
    }
  });

  test("that an agent of 0.8 closes after each answer are not an error", async () => {
    const { host, agent } = await pairedHost();
    await using _ = host;
    const old = jsonAnswer(ok).replace("HTTP/1.1", "HTTP/1.0");
    using fake = await FakeAgent.start(agent, (socket) => void socket.end(old));
    await using api = await TestApi.start(host);
    for (let count = 0; count < 5; count++) {
      const { json } = await api.post("/ping", { hosts: ["web-01"] });
      expect(json).toMatchObject({ results: [{ status: "ok" }] });
    }
    expect(fake.connections).toBe(5);
  });

  test("to one agent are no more than eight at once, however many ask", async () => {
    const { host, agent } = await pairedHost();
    await using _ = host;
    const waiting: TLSSocket[] = [];
    using fake = await FakeAgent.start(agent, (socket) => void waiting.push(socket));
    await using api = await TestApi.start(host);
    const asked = Array.from({ length: 30 }, () => api.post("/ping", { hosts: ["web-01"] }));
    for (let answered = 0; answered < 30; answered++) {
      await until("somebody asks", () => waiting.length > 0);
      waiting.shift()?.write(jsonAnswer(ok, keep));
    }
    for (const { json } of await Promise.all(asked)) {
      expect(json).toMatchObject({ results: [{ status: "ok" }] });
    }
    expect(fake.connections).toBeLessThanOrEqual(8);
  });

  test("that died unseen: a ping is asked again, a run never is", async () => {
    const { host, agent } = await pairedHost();
    await using _ = host;
    const requests: string[] = [];
    const seen = new WeakSet<TLSSocket>();
    // Answers the first request of a connection and hangs up on the second, having read it.
    using fake = await FakeAgent.start(agent, (socket, request) => {
      requests.push(request.split(" ", 2).join(" "));
      if (seen.has(socket)) socket.destroy();
      else socket.write(jsonAnswer(request.startsWith("POST /run") ? run : ok, keep));
      seen.add(socket);
    });
    await using api = await TestApi.start(host);
    const ping = () => api.post("/ping", { hosts: ["web-01"] });
    expect((await ping()).json).toMatchObject({ results: [{ status: "ok" }] });
    expect((await ping()).json).toMatchObject({ results: [{ status: "ok" }] });
    expect(requests).toEqual(["POST /ping", "POST /ping", "POST /ping"]);
    expect(fake.connections).toBe(2);
    const { json } = await api.post("/run", { hosts: ["web-01"], script: "hello" });
    expect(json).toMatchObject({
      results: [
        { exit: -1, error: expect.stringContaining("closed the connection before it answered") },
      ],
    });
    expect(requests.filter((line) => line === "POST /run")).toHaveLength(1);
  });

  test("that the agent closed are not used: an agent that is restarted costs no run", async () => {
    const { host, agent } = await pairedHost();
    await using _ = host;
    using fake = await FakeAgent.start(agent, (socket) => void socket.write(jsonAnswer(run, keep)));
    await using api = await TestApi.start(host);
    for (let count = 0; count < 3; count++) {
      const { json } = await api.post("/run", { hosts: ["web-01"], script: "hello" });
      expect(json).toMatchObject({ results: [{ exit: 0 }] });
      fake.hangUp();
    }
    expect(fake.connections).toBe(3);
  });

  test("are given up when this control host gets a new certificate", async () => {
    const { host, agent } = await pairedHost();
    await using _ = host;
    using fake = await FakeAgent.start(agent, (socket) => void socket.write(jsonAnswer(ok, keep)));
    await using api = await TestApi.start(host);
    await api.post("/ping", { hosts: ["web-01"] });
    await api.post("/ping", { hosts: ["web-01"] });
    expect(fake.connections).toBe(1);
    // It tells the agent on a connection of its own.
    await host.mustRun("setup-ctrl-exec", ["--yes"]);
    const before = fake.connections;
    await api.post("/ping", { hosts: ["web-01"] });
    expect(fake.connections).toBe(before + 1);
  });
});
