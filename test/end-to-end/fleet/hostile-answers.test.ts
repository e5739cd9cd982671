/** T69: what hostile agents answer is bounded in memory and on disk, and stops nobody else. */
import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";
import {
  countAnswer,
  type Flood,
  outputOf,
  startHostile,
  Watch,
} from "../../support/hostile-agent.ts";

const KIB = "x".repeat(1024);

interface Answer {
  readonly ok: boolean;
  readonly results: {
    host: string;
    exit: number;
    stdout: string;
    state: string;
    error?: string;
  }[];
}

/** A control host with an honest agent, `web-01`, and a hostile one on every other address. */
async function hostWith(flood: Flood, lines: readonly string[] = []) {
  const host = await ControlHost.create(["api_port = 0", "api_auth_default = allow", ...lines]);
  const big = "head -c 1000000 /dev/zero | tr '\\0' y";
  await host.startAgent("web-01", { scripts: { say: "echo hello", big } });
  const hostile = await host.addAgent("hostile");
  await hostile.pair();
  const flooding = await startHostile(hostile, flood);
  const api = await TestApi.start(host);
  return {
    host,
    hostile,
    api,
    at: (index: number) => `127.9.0.${index}:${hostile.port}`,
    async [Symbol.asyncDispose]() {
      await api.stop();
      await flooding[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

function recorded(host: ControlHost): number {
  const folder = host.folder.join("control/state/runs");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(`${folder}/${name}`))
    .reduce((sum, facts) => sum + (facts.isFile() ? facts.size : 0), 0);
}

test("T69 many hosts that send without end: bounded together, and the API serves others", async () => {
  await using stage = await hostWith(outputOf(KIB, 500_000), [
    "max_reply = 16M",
    "max_replies = 48M",
  ]);
  const { api, at } = stage;
  const watch = new Watch(api);
  const hosts = Array.from({ length: 10 }, (_, index) => at(index + 1));
  const { json } = await api.post("/run", { hosts: [...hosts, "web-01"], script: "big" });
  const { results } = json as Answer;
  const honest = results.pop();
  expect([honest?.exit, honest?.stdout.length]).toEqual([0, 1_000_000]);
  expect(results).toHaveLength(10);
  for (const { host, exit, stdout, state, error } of results) {
    expect([exit, stdout, state]).toEqual([-1, "", "ended"]);
    expect(error).toStartWith(`the answer of ${host} to /run was dropped: it `);
    expect(error).toMatch(
      /it (is larger than 16 MiB|leaves too little of 48 MiB for the answers of other hosts)\. The script has run\. max_repl(y|ies) in ctrl-exec\.conf sets the limit/,
    );
  }
  await watch.stop();
  expect(watch.peak).toBeLessThan(200);
  expect(watch.slowest).toBeLessThan(3000);
  expect(recorded(stage.host)).toBeLessThan(4_000_000);
}, 120_000);

test("T69 one host's answer beyond max_reply: the result says so, and that the script has run", async () => {
  await using stage = await hostWith(outputOf(KIB, 16 * 1024), ["max_reply = 8M"]);
  const { status, out } = await stage.host.run("run", ["hostile", "web-01", "say", "--json"]);
  expect(status).toBe(1);
  expect(JSON.parse(out).results).toMatchObject([
    {
      host: "hostile",
      exit: -1,
      state: "ended",
      error:
        "the answer of hostile to /run was dropped: it is larger than 8 MiB. The script has run. max_reply in ctrl-exec.conf sets the limit, max_output in agent.conf what an agent sends",
    },
    { host: "web-01", exit: 0, stdout: "hello\n" },
  ]);
});

test("T69 an answer as long as may be: it streams through, and so does its record", async () => {
  const size = 100_000;
  await using stage = await hostWith(outputOf(KIB, size), ["max_reply = 120M"]);
  const { api } = stage;
  const watch = new Watch(api);
  const answer = await countAnswer(api, "/run", { hosts: ["hostile"], script: "say" });
  expect(answer.bytes).toBeGreaterThan(size * KIB.length);
  const reqid = /"reqid":"([0-9a-f]{16})"/.exec(answer.start)?.[1];
  const record = await countAnswer(api, `/status/${reqid}`);
  expect([record.status, record.bytes > size * KIB.length]).toEqual([200, true]);
  await watch.stop();
  // The answer, the record beside it, and what the process takes besides. Before: six times the answer.
  expect(watch.peak).toBeLessThan(450);
  expect(watch.slowest).toBeLessThan(3000);
}, 120_000);

const TOO_LARGE = "No agent answers like that: see what is running there";

test.each([
  ["ping", "POST", "/ping", '{"status":"ok","x":[', "{},", "64 KiB"],
  ["discovery", "POST", "/discovery", '{"status":"ok","scripts":[', '{"name":"a"},', "2 MiB"],
])(
  "T69 an answer to %s has a small bound of its own",
  async (_, method, path, start, piece, max) => {
    const flood = { start, piece, count: 3_000_000, end: "1]}" };
    await using stage = await hostWith(flood);
    const watch = new Watch(stage.api);
    const { text } = await stage.api.ask(method, path, { hosts: ["hostile", "web-01"] });
    expect(text).toContain(`was dropped: it is larger than ${max}. ${TOO_LARGE}`);
    expect(text).toContain('"host":"web-01","status":"ok"');
    await watch.stop();
    expect(watch.peak).toBeLessThan(200);
  },
);

test("T69 an answer without end that is not JSON is dropped at once", async () => {
  const flood = { start: '{"exit":0,"stdout":"\\q', piece: KIB, count: 2 ** 30, end: "" };
  await using stage = await hostWith(flood);
  const { json } = await stage.api.post("/run", { hosts: ["hostile"], script: "say" });
  expect((json as Answer).results[0]?.error).toBe(
    "hostile answered with something that is not JSON",
  );
});

test("T69 the records of runs keep within run_records_max, the newest of them whole", async () => {
  await using stage = await hostWith(outputOf(KIB, 3 * 1024), ["run_records_max = 8M"]);
  const { host, api } = stage;
  for (let run = 0; run < 6; run++) {
    const { text } = await api.post("/run", { hosts: ["hostile"], script: "say" });
    const reqid = /"reqid":"([0-9a-f]{16})"/.exec(text)?.[1];
    expect((await api.get(`/status/${reqid}`)).text.length).toBeGreaterThan(3_000_000);
  }
  // A command makes room as the API does.
  for (let run = 0; run < 3; run++) await host.mustRun("run", ["hostile", "say"]);
  expect(recorded(host)).toBeLessThan(8 * 2 ** 20);
  expect(recorded(host)).toBeGreaterThan(3 * 2 ** 20);
});
