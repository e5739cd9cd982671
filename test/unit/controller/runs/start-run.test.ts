/** What is refused before anything is sent, what hosts are sent, and what becomes of a run without a record. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { listRunLocks } from "../../../../src/controller/runs/locks.ts";
import { type RunOrder, startRun } from "../../../../src/controller/runs/start-run.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { Peer } from "../../../support/peers.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.create();
});
afterEach(() => fleet[Symbol.asyncDispose]());

const heard: RunResult[] = [];
async function start(order: Partial<RunOrder> = {}, caller = CALLER) {
  heard.length = 0;
  const whole = { hosts: ["web-01"], port: undefined, script: "deploy", args: [], ...order };
  return await startRun(fleet.controller, caller, whole, (result) => void heard.push(result));
}

/** An agent that has the answer, and what it was sent. */
async function played(answer: (call: StreamedCall) => void) {
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const calls: StreamedCall[] = [];
  const peer = await streamingPeer(agent, (call) => {
    calls.push(call);
    answer(call);
  });
  return {
    calls,
    hosts: [`web-01:${peer.port}`],
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  };
}

const ends = (call: StreamedCall) => {
  call.begin();
  call.end();
};

const locked = async () => (await listRunLocks(fleet.controller)).map(({ host }) => host);
const records = () => fleet.folder.join("control", "state", "runs");

describe("refused before anything is recorded or sent", () => {
  afterEach(async () => {
    expect([await locked(), fleet.log.of("dispatch")]).toEqual([[], []]);
  });

  test("T63 a script that only a rotation calls", async () => {
    await expect(start({ script: "update-ctrl-exec-serial" })).rejects.toMatchObject({
      code: "bad-request",
      hint: expect.stringContaining(
        `ctrl-exec rotate-cert --config ${fleet.controller.config.file}`,
      ),
    });
  });

  test("more than a request may hold", async () => {
    const argument = (bytes: number) => start({ hosts: ["web-01:1"], args: ["x".repeat(bytes)] });
    await expect(argument(2 ** 20)).rejects.toMatchObject({ code: "too-large" });
    const { finished } = await argument(2 ** 20 - 300);
    expect((await finished).results).toHaveLength(1);
    fleet.log.events.length = 0;
  });

  test("more hosts than may be asked at once, or none", async () => {
    await expect(start({ hosts: [] })).rejects.toMatchObject({ code: "bad-request" });
  });
});

describe("a host is sent", () => {
  test("the script and who asks, and that nobody else may run it meanwhile", async () => {
    await using agent = await played(ends);
    const caller = { ...CALLER, token: "t", requestId: "0123456789abcdef" };
    const { reqid, finished } = await start({ hosts: agent.hosts, args: ["a b"] }, caller);
    expect(reqid).toBe("0123456789abcdef");
    const report = await finished;
    expect(report).toMatchObject({ reqid, recorded: true, results: [{ exit: 0 }] });
    expect(heard).toEqual([...report.results]);
    expect(agent.calls.map(({ body }) => body)).toEqual([
      {
        ...{ script: "deploy", args: ["a b"], reqid, username: "tester", token: "t" },
        ...{ lock: 1, stream: 1 },
      },
    ]);
    expect(fleet.log.of("dispatch").map(({ fields }) => fields)).toEqual([
      { HOSTS: "web-01", REQID: reqid, SCRIPT: "deploy" },
    ]);
    const [line] = fleet.log.of("run");
    expect(line?.fields).toMatchObject({
      EXIT: 0,
      HOST: agent.hosts[0]?.split(":")[0] ?? "",
      REQID: reqid,
      SCRIPT: "deploy",
      TARGET: agent.hosts[0] ?? "",
    });
    expect(Number(line?.fields.RTT)).toBeGreaterThanOrEqual(0);
  });

  test("nothing by another id of its own", async () => {
    await using agent = await played(ends);
    const ids = new Set<string>();
    for (let time = 0; time < 2; time++) {
      const { reqid, finished } = await start({ hosts: agent.hosts });
      await finished;
      ids.add(reqid);
    }
    expect(ids.size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
  });

  test("a limit of time if there is one", async () => {
    await using agent = await played(ends);
    await (await start({ hosts: agent.hosts, timeout: 7 })).finished;
    expect(agent.calls[0]?.body.timeout).toBe(7);
  });
});

test("the record has the ports at which hosts were called other than as recorded, and no others", async () => {
  const portsOf = (reqid: string) =>
    JSON.parse(readFileSync(`${records()}/${reqid}.json`, "utf8")).ports;
  const { config } = await fleet.addAgent("web-01");
  for (const [hosts, ports] of [
    [["web-01"], undefined],
    [
      ["web-01:1", "db-01"],
      [1, null],
    ],
    [[`web-01:${config.port}`], undefined],
  ] as const) {
    const { reqid, finished } = await start({ hosts, script: "count" });
    await finished;
    expect(portsOf(reqid)).toEqual(ports as never);
  }
});

test("a name that no allowlist can hold is sent to nobody, locks nothing, and is recorded", async () => {
  const agent = await fleet.addAgent("web-01");
  const { finished } = await start({ hosts: ["web-01", "web-02"], script: "a\nb" });
  const { results, recorded } = await finished;
  expect(results).toMatchObject([
    { host: "web-01", state: "never-ran", error: "script not permitted" },
    { host: "web-02", state: "never-ran", error: "script not permitted" },
  ]);
  expect([recorded, heard.length]).toEqual([true, 2]);
  expect([fleet.log.of("lock-acquire"), agent.log.of("run")]).toEqual([[], []]);
  expect(fleet.log.of("run").map(({ level, fields }) => [level, fields.RTT])).toEqual([
    ["err", 0],
    ["err", 0],
  ]);
});

describe("T22 where nothing can be recorded", () => {
  beforeEach(() => {
    rmSync(records(), { recursive: true, force: true });
    fleet.folder.write("control/state/runs", "in the way");
  });

  test("a run goes on, and says that it was not recorded", async () => {
    await using agent = await played(ends);
    const { finished } = await start({ hosts: agent.hosts });
    expect(await finished).toMatchObject({ recorded: false, results: [{ exit: 0 }] });
    expect(await locked()).toEqual([]);
  });

  test.each<[string, Partial<RunOrder>]>([
    ["nobody would have its results", { detach: true }],
    ["it uses lent rights", { mustBeRecorded: true }],
  ])("a run is not begun if %s", async (_, order) => {
    await using agent = await played(ends);
    const [set, clear] = [spyOn(globalThis, "setInterval"), spyOn(globalThis, "clearInterval")];
    await expect(start({ hosts: agent.hosts, ...order })).rejects.toMatchObject({
      code: "unrecorded",
      hint: expect.stringContaining("ACTION=run-store-fail"),
    });
    // Nothing touches its record from now on.
    const cleared = new Set<unknown>(clear.mock.calls.map(([timer]) => timer));
    expect(set.mock.results.filter(({ value }) => !cleared.has(value))).toEqual([]);
    for (const spy of [set, clear]) spy.mockRestore();
    expect([agent.calls, await locked(), fleet.log.of("dispatch")]).toEqual([[], [], []]);
    // The next one is not held up.
    await (await start({ hosts: agent.hosts })).finished;
    expect(agent.calls).toHaveLength(1);
  });
});

test("a run that cannot even be begun leaves no lock", async () => {
  await using agent = await played(ends);
  await expect(
    start({ hosts: agent.hosts }, { ...CALLER, requestId: "no request id" }),
  ).rejects.toMatchObject({ code: "bad-request" });
  expect([await locked(), agent.calls]).toEqual([[], []]);
});

test("T27 what an agent says is logged without the token", async () => {
  await using agent = await played((call) => {
    call.json({ error: "no s3cret here" }, "403 Forbidden");
  });
  const { finished } = await start({ hosts: agent.hosts }, { ...CALLER, token: "s3cret" });
  expect((await finished).results).toMatchObject([{ state: "never-ran" }]);
  expect(JSON.stringify(fleet.log.events)).not.toContain("s3cret");
  expect(fleet.log.of("run").map(({ level }) => level)).toEqual(["err"]);
});

test("who hears of a run that is abandoned hears of no host twice, and its hosts are not asked any more", async () => {
  await using agent = await played((call) => call.begin());
  const run = await start({ hosts: [...agent.hosts, "web-02:1"] });
  await run.abandon("the test stopped");
  const { results, recorded } = await run.finished;
  expect(recorded).toBe(true);
  expect(results.map(({ host }) => host)).toEqual(["web-01", "web-02"]);
  const hosts = heard.map(({ host }) => host);
  expect(new Set(hosts).size).toBe(hosts.length);
  const before = fleet.log.of("run").length;
  expect(before).toBeLessThanOrEqual(2);
});

test("a run that is abandoned calls no further host, and holds no lock when the last has ended that it asked", async () => {
  Object.assign(fleet.controller.config, { max_parallel: 1 });
  const asked = Promise.withResolvers<StreamedCall>();
  await using agent = await played((call) => {
    call.begin();
    asked.resolve(call);
  });
  let called = 0;
  await using further = await Peer.tcp(() => {
    called += 1;
  });
  const run = await start({ hosts: [...agent.hosts, `127.0.0.1:${further.port}`] });
  const call = await asked.promise;
  await run.abandon("the test stopped");
  expect(await locked()).toHaveLength(2);
  call.end();
  await until("they are released", async () => (await locked()).length === 0);
  expect(called).toBe(0);
});

test("what its answer shows of a host is kept: its clock", async () => {
  await fleet.addAgent("web-01");
  expect((await (await start({ script: "count" })).finished).results).toMatchObject([{ exit: 0 }]);
  const agents = new Map([["web-01", 1]]);
  expect(await fleet.controller.store.clocks.known(agents)).toMatchObject([{ host: "web-01" }]);
});
