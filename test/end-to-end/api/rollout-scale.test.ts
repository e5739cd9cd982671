/**
 * Many hosts, a few at a time, through the API: every one of them is accounted for, whatever it did. `make load` does it
 * with 3,000; here it is a tenth of them, because each costs some milliseconds of processor time on both sides.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestApi } from "../../support/api.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { StreamingAgents } from "../../support/streaming-agents.ts";

const COUNT = Number(process.env.ROLLOUT_HOSTS ?? 300);
/** One host in twenty fails. */
const fails = (index: number) => index % 20 === 7;
/** So many are asked before the last batch. */
const BEGUN = 1 + COUNT / 10;

const addresses = Array.from(
  { length: COUNT },
  (_, index) => `127.20.${Math.floor(index / 250)}.${(index % 250) + 1}`,
);
const indexOf = new Map(addresses.map((address, index) => [address, index]));

let control: ControlHost;
let agent: TestAgent;
let api: TestApi;
let agents: StreamingAgents;
/** How often each host was asked. */
const asked = new Map<string, number>();

beforeAll(async () => {
  const lines = ["api_port = 0", "api_auth_default = allow", `max_hosts = ${COUNT}`];
  // One process plays them all: a busy machine may keep it from answering for a while.
  control = await ControlHost.create([...lines, "connect_timeout = 60"]);
  agent = await control.addAgent("web-01");
  await agent.pair();
  // All of them are played by the test's process: a script on each would take minutes.
  agents = await StreamingAgents.start(agent, (address, run) => {
    asked.set(address, (asked.get(address) ?? 0) + 1);
    run.print(`${address}\n`);
    run.end({ exit: fails(indexOf.get(address) ?? 0) ? 1 : 0 });
  });
  api = await TestApi.start(control);
});

afterAll(async () => {
  await api.stop();
  agents[Symbol.dispose]();
  await control[Symbol.asyncDispose]();
});

interface Answer {
  readonly reqid: string;
  readonly results: {
    host: string;
    exit: number;
    stdout: string;
    state: string;
    error?: string;
  }[];
  readonly rollout: object;
}

async function rollOut(rollout: object): Promise<Answer> {
  asked.clear();
  const hosts = addresses.map((address) => `${address}:${agent.port}`);
  const { status, json } = await api.post("/run", { hosts, script: "deploy", rollout });
  expect(status).toBe(200);
  return json as Answer;
}

/** The answer, and what is recorded, say the same of every host; the first so many were asked, each once. */
async function accountFor({ reqid, results }: Answer, begun: number): Promise<void> {
  expect(results.map(({ host }) => host)).toEqual(addresses);
  const expected = addresses.map((address, index) =>
    index < begun ? ["ended", fails(index) ? 1 : 0, `${address}\n`] : ["not-started", -1, ""],
  );
  expect(results.map(({ state, exit, stdout }) => [state, exit, stdout])).toEqual(expected);
  expect([...asked.keys()].sort()).toEqual(addresses.slice(0, begun).sort());
  expect([...asked.values()].filter((times) => times !== 1)).toEqual([]);
  const { json } = await api.get(`/status/${reqid}`);
  expect(json).toMatchObject({ complete: true, pending: [], results });
}

test("with 5 % failing it goes through, where 10 % may", async () => {
  const answer = await rollOut({ batch: [1, "10%", "100%"], max_failures: "10%" });
  expect(answer.rollout).toEqual({ batches: 3, begun: 3, not_started: 0 });
  expect(answer.results.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(answer.results.filter(({ exit }) => exit !== 0)).toHaveLength(COUNT / 20);
  await accountFor(answer, COUNT);
});

test("with 5 % failing it stops after the batch with one more than may", async () => {
  const failed = addresses.slice(0, BEGUN).filter((_, index) => fails(index)).length;
  const answer = await rollOut({ batch: [1, "10%", "100%"], max_failures: failed - 1 });
  expect(answer.rollout).toEqual({
    ...{ batches: 3, begun: 2, not_started: COUNT - BEGUN },
    stopped: `after batch 2 of 3: ${failed} hosts failed, and at most ${failed - 1} may`,
  });
  await accountFor(answer, BEGUN);
});
