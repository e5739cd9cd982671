/**
 * `make load`: 200 clients on one ctrl-exec-api, before it 50 hosts of which some hang, refuse and
 * reset; over plain HTTP, then over TLS; each at last with no process left to start, nor a thread. Every
 * request must be answered, every record be complete, and memory stay flat. Bounded by LOAD_SECONDS (default 20 per round, three rounds after a warm-up). Prints
 * figures; exit status 1 when anything is wrong.
 */
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { freePort } from "../../src/system/net/free-port.ts";
import { TestApi } from "../support/api.ts";
import { Authority } from "../support/authority.ts";
import { ControlHost } from "../support/fleet.ts";
import { handOver, LIMITED_USER, useUpProcesses } from "../support/process-limit.ts";
import { KeptConnection } from "./kept-connection.ts";

const CLIENTS = 200;
const SECONDS = Number(process.env.LOAD_SECONDS ?? 20);
const SCRIPTS = 200;

/** A serving agent. */
async function agentOf(host: ControlHost, name: string) {
  const scripts = Object.fromEntries(
    Array.from({ length: SCRIPTS }, (_, index) => [`job-${index}`, 'echo "$1"']),
  );
  const agent = await host.addAgent(name, { scripts });
  const config = [`port = ${agent.port}`, "bind = 0.0.0.0", "max_connections = 4096"];
  host.folder.write(`${name}/agent.conf`, [...config, "rate_limit_disable = 1", ""].join("\n"));
  await agent.pair();
  await agent.serve();
  return agent;
}

/** Hosts that answer, hang, refuse or reset, as `host:port`. */
async function fleet(host: ControlHost) {
  // An agent runs a run once, under however many names it is called: a request asks two hosts that follow each other.
  const agents = [await agentOf(host, "web-01"), await agentOf(host, "web-02")] as const;
  const bad = async (act: (socket: Socket) => void) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      act(socket);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen({ port: 0, host: "0.0.0.0" }, resolve);
    await promise;
    server.unref();
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  };
  const hang = await bad(() => undefined);
  const reset = await bad((socket) => void socket.resetAndDestroy());
  const refuse = freePort();
  const port = (index: number) =>
    index % 10 === 3
      ? hang
      : index % 10 === 5
        ? refuse
        : index % 10 === 7
          ? reset
          : agents[index % 2 === 0 ? 0 : 1].port;
  return Array.from({ length: 50 }, (_, index) => `127.9.0.${index + 1}:${port(index)}`);
}

interface Figures {
  readonly times: number[];
  readonly statuses: Map<number, number>;
  readonly reqids: string[];
  wrong: string[];
}

async function client(
  id: number,
  api: KeptConnection,
  hosts: readonly string[],
  until: number,
  figures: Figures,
) {
  for (let turn = 0; Date.now() < until; turn++) {
    const pick = (offset: number) => hosts[(id * 7 + turn * 3 + offset) % hosts.length] as string;
    const started = performance.now();
    const ask = async () => {
      if (turn % 4 === 0) return await api.post("/ping", { hosts: [pick(0), pick(1)] });
      if (turn % 4 === 1) return await api.get("/health");
      const order = { hosts: [pick(0), pick(1)], script: `job-${id}`, args: [`${id}-${turn}`] };
      return await api.post("/run", order);
    };
    const answered = await ask().catch((thrown: Error) => thrown);
    if (answered instanceof Error) {
      const ms = Math.round(performance.now() - started);
      figures.wrong.push(`request ${turn} of client ${id}, after ${ms} ms: ${answered.message}`);
      continue;
    }
    const { status, text } = answered;
    figures.times.push(performance.now() - started);
    figures.statuses.set(status, (figures.statuses.get(status) ?? 0) + 1);
    if (status === 429 || status === 503) await Bun.sleep(50);
    else if (status !== 200) figures.wrong.push(`${status} ${text.slice(0, 200)}`);
    const body = JSON.parse(text) as { reqid?: string; results?: { host: string }[] };
    if (body.reqid !== undefined) figures.reqids.push(body.reqid);
    if (body.results !== undefined && body.results.length !== 2)
      figures.wrong.push(text.slice(0, 200));
    // A host that another one's agent answers for runs nothing.
    if (text.includes("already used")) figures.wrong.push(text.slice(0, 400));
  }
}

function resources(pid: number): { rss: number; descriptors: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    rss: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}

function percentile(sorted: readonly number[], share: number): string {
  return `${(sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0)} ms`;
}

async function round(
  name: string,
  seconds: number,
  { running }: TestApi,
  connections: readonly KeptConnection[],
  hosts: readonly string[],
) {
  const figures: Figures = { times: [], statuses: new Map(), reqids: [], wrong: [] };
  const until = Date.now() + seconds * 1000;
  await Promise.all(
    connections.map((connection, id) => client(id, connection, hosts, until, figures)),
  );
  const sorted = figures.times.toSorted((a, b) => a - b);
  const { rss, descriptors } = resources(running.child.pid);
  const statuses = [...figures.statuses].map(([status, count]) => `${status}: ${count}`).join(", ");
  console.log(
    `${name}: ${sorted.length} requests in ${seconds} s answered, ${figures.wrong.length} wrong (${statuses}); p50 ${percentile(sorted, 0.5)}, p99 ${percentile(sorted, 0.99)}, slowest ${percentile(sorted, 1)}; ${rss} MiB, ${descriptors} descriptors`,
  );
  return { figures, rss, descriptors };
}

/** @returns what went wrong */
async function load(scheme: "http" | "https"): Promise<string[]> {
  const config = [
    "api_port = 0",
    "api_auth_default = allow",
    "api_max_requests = 128",
    "read_timeout = 10",
    "connect_timeout = 1",
  ];
  await using host = await ControlHost.create(config);
  if (scheme === "https") {
    const { cert, key } = await Authority.of(host).issue("api");
    const tls = [
      `api_cert = ${host.folder.write("control/api.crt", cert)}`,
      `api_key = ${host.folder.write("control/api.key", key, 0o600)}`,
    ];
    appendFileSync(host.config, `${tls.join("\n")}\n`);
  }
  console.log(`== ${scheme}`);
  const hosts = await fleet(host);
  await host.stopPairing();
  handOver(host.folder.join("control"));
  await using api = await TestApi.start(host, scheme, {}, { user: LIMITED_USER });
  const connections = Array.from({ length: CLIENTS }, () => new KeptConnection(api.url("")));
  const play = (name: string, seconds = SECONDS) => round(name, seconds, api, connections, hosts);
  const warmUp = await play("warm-up", SECONDS / 2);
  const first = await play("first");
  const second = await play("second");
  useUpProcesses(api.running.child.pid);
  const third = await play("with no process left");
  for (const connection of connections) connection.close();
  const rounds = [warmUp, first, second, third];
  const wrong = rounds.flatMap(({ figures }) => figures.wrong);
  const ids = rounds.flatMap(({ figures }) => figures.reqids);
  const complete = ids.filter((reqid) => {
    const file = host.folder.join("control", "state", "runs", `${reqid}.json`);
    const record = JSON.parse(readFileSync(file, "utf8")) as {
      complete: boolean;
      results: object[];
    };
    return record.complete && record.results.length === 2;
  });
  console.log(`records: ${complete.length} of ${ids.length} complete`);
  if (complete.length !== ids.length) wrong.push("a record is not complete");
  if (second.rss > first.rss * 1.2 + 20)
    wrong.push(`memory grew: ${first.rss} to ${second.rss} MiB`);
  await Bun.sleep(6000);
  const rest = resources(api.running.child.pid);
  console.log(`at rest: ${rest.rss} MiB, ${rest.descriptors} descriptors`);
  return wrong;
}

const wrong = [...(await load("http")), ...(await load("https"))];
for (const line of wrong.slice(0, 20)) console.error(`wrong: ${line}`);
process.exit(wrong.length === 0 ? 0 : 1);
