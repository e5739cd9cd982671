/** A run that is done a few hosts at a time: what is asked, in which order, and where it stops. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync } from "node:fs";
import { openReplies } from "../../../../src/controller/control-host.ts";
import { acceptRollout } from "../../../../src/controller/runs/accept-rollout.ts";
import { cancelRun } from "../../../../src/controller/runs/cancel.ts";
import { listRuns } from "../../../../src/controller/runs/list-runs.ts";
import { continueRollout, pauseRollout } from "../../../../src/controller/runs/pause.ts";
import type { RolloutNews } from "../../../../src/controller/runs/rollout-news.ts";
import { type RolloutOrder, startRollout } from "../../../../src/controller/runs/start-rollout.ts";
import { startRun } from "../../../../src/controller/runs/start-run.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import type { RolloutStep } from "../../../../src/controller/store/ports/runs.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { until } from "../../../support/folder.ts";
import { Gate, passes } from "../../../support/gate.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const HOSTS = ["web-01", "web-02", "web-03", "web-04"];
const ONE = { batch: [{ hosts: 1 }] } as const;

let fleet: LocalFleet;
const news: RolloutNews[] = [];
const heard: RunResult[] = [];

beforeAll(async () => {
  fleet = await LocalFleet.create();
  for (const name of HOSTS) {
    const agent = await fleet.addAgent(name);
    const script = (word: string, body: string) =>
      `${word} = ${fleet.folder.script(`${name}/${word}.sh`, body)}`;
    const gate = fleet.folder.join("gate");
    const lines = [
      script("deploy", `echo "$@" >>${agent.path("deployed")}; ! [ -e ${agent.path("bad")} ]`),
      script("health", `! [ -e ${agent.path("ill")} ]`),
      script("slow", `echo here >>${agent.path("begun")}; ${passes(gate)}`),
    ];
    fleet.folder.write(`${name}/scripts.conf`, `${lines.join("\n")}\n`);
    await agent.reload();
  }
});
afterAll(() => fleet[Symbol.asyncDispose]());

afterEach(() => {
  news.length = 0;
  heard.length = 0;
  fleet.log.events.length = 0;
  Object.assign(fleet.controller.config, { auth_hook: undefined });
  for (const host of HOSTS) {
    for (const file of ["deployed", "begun", "bad", "ill"]) {
      rmSync(fleet.folder.join(host, file), { force: true });
    }
  }
});

const start = async (order: Partial<RolloutOrder> = {}, caller = CALLER) =>
  await startRollout(
    fleet.controller,
    caller,
    {
      ...{ hosts: HOSTS, port: undefined, script: "deploy", args: ["a b"], rollout: ONE },
      onNews: (each) => void news.push(each),
      ...order,
    },
    (result) => void heard.push(result),
  );

const run = async (order: Partial<RolloutOrder> = {}) => await (await start(order)).finished;

const has = (host: string, file: string) => existsSync(fleet.folder.join(host, file));
const deployed = () => HOSTS.filter((host) => has(host, "deployed"));
const mark = (host: string, file: string) => fleet.folder.write(`${host}/${file}`, "");
const states = (results: readonly RunResult[]) => results.map(({ state }) => state);
const show = (reqid: string) => showRun(fleet.controller, CALLER, { reqid, live: false });
const batches = () => news.flatMap((each) => (each.event === "batch" ? [each.hosts] : []));

test("each batch comes when the one before has ended, under one id and in one record", async () => {
  const { reqid, results, rollout } = await run({
    rollout: { batch: [{ hosts: 1 }, { hosts: 2 }] },
  });
  expect(rollout).toEqual({ batches: 3, begun: 3, not_started: 0 });
  expect(results.map(({ host, exit }) => [host, exit])).toEqual(HOSTS.map((host) => [host, 0]));
  const [begins, ends] = [
    { event: "batch", reqid, of: 3 } as const,
    { event: "batch-end", reqid, of: 3, failed: 0 } as const,
  ];
  expect(news).toEqual([
    { ...begins, batch: 1, hosts: ["web-01"] },
    { ...ends, batch: 1 },
    { ...begins, batch: 2, hosts: ["web-02", "web-03"] },
    { ...ends, batch: 2 },
    { ...begins, batch: 3, hosts: ["web-04"] },
    { ...ends, batch: 3 },
  ]);
  expect(new Set(results.map((result) => result.reqid))).toEqual(new Set([reqid]));
  expect(readFileSync(fleet.folder.join("web-04", "deployed"), "utf8")).toBe("a b\n");
  expect(await show(reqid)).toMatchObject({ complete: true, hosts: HOSTS, pending: [] });
  // What has no BATCH counts as a run: the others belong to it.
  expect(fleet.log.of("dispatch").map(({ fields }) => [fields.HOSTS, fields.BATCH])).toEqual([
    ["web-01", undefined],
    ["web-02,web-03", 2],
    ["web-04", 3],
  ]);
});

test("T76 nothing is sent to a host that was unpaired meanwhile: it stops there", async () => {
  const record = fleet.folder.join("control/state/agents/web-03.json");
  const onNews = (each: RolloutNews) => {
    if (each.event === "batch" && each.batch === 2) renameSync(record, `${record}.away`);
  };
  try {
    const { results, rollout } = await run({ onNews });
    expect(deployed()).toEqual(["web-01", "web-02"]);
    expect(states(results)).toEqual(["ended", "ended", "not-started", "not-started"]);
    expect(rollout?.stopped).toBe("after batch 2 of 4: no longer registered: web-03");
    const resume = `${fleet.log.of("dispatch")[0]?.fields.REQID}`;
    await expect(start({ resume, hosts: [] })).rejects.toThrow(
      `Cannot go on with run ${resume}: no longer registered: web-03`,
    );
    expect(deployed()).toEqual(["web-01", "web-02"]);
  } finally {
    renameSync(`${record}.away`, record);
  }
});

test("a host that was not registered when it began is asked when it is resumed", async () => {
  mark("web-01", "bad");
  const { reqid, results } = await run({ hosts: ["web-01", "localhost"] });
  expect(states(results)).toEqual(["ended", "not-started"]);
  const again = await run({ resume: reqid, hosts: [] });
  expect(again.rollout?.begun).toBe(1);
  expect(again.results.map(({ host }) => host)).toContain("localhost");
  // It is counted as one run.
  expect(fleet.log.of("dispatch").map(({ fields }) => fields.BATCH)).toEqual([undefined, 1]);
});

test("T76 neither is the check of its batch", async () => {
  const record = fleet.folder.join("control/state/agents/web-01.json");
  const onNews = (each: RolloutNews) => {
    if (each.event === "batch-end") renameSync(record, `${record}.away`);
  };
  try {
    const { rollout } = await run({ onNews, rollout: { ...ONE, check: "health" } });
    expect(rollout?.stopped).toBe("after batch 1 of 4: no longer registered: web-01");
    expect(fleet.log.of("dispatch").map(({ fields }) => fields.SCRIPT)).toEqual(["deploy"]);
  } finally {
    renameSync(`${record}.away`, record);
  }
});

describe("cancelled by somebody else", () => {
  const BOB = { ...CALLER, username: "bob" };
  const said: string[] = [];
  const cancel = async (reqid: string, ...hosts: readonly string[]) => {
    const order = { reqid, hosts, grace: 0 };
    said.length = 0;
    const told = await cancelRun(fleet.controller, BOB, order, ({ host }) => void said.push(host), {
      onStopped: () => void said.push("no batch begins"),
      onAsk: (asked) => void said.push(`asking ${asked.join() || "nobody"}`),
    });
    return told.map(({ host, status }) => `${host} ${status}`);
  };
  /** Of those whose batch has not begun: none is asked. */
  const NOTHING_STARTS = HOSTS.slice(1).map((host) => `${host} will-not-start`);

  test("between two batches it ends at once, and nobody whose batch has not begun is asked", async () => {
    const asked = Promise.withResolvers<void>();
    const confirm = async () => {
      asked.resolve();
      return await new Promise<boolean>(() => undefined);
    };
    const rollout = await start({ confirm });
    await asked.promise;
    expect((await cancel(rollout.reqid)).slice(1)).toEqual(NOTHING_STARTS);
    const { results, rollout: report } = await rollout.finished;
    expect(report?.stopped).toBe("after batch 1 of 4: it was cancelled by bob");
    expect(states(results)).toEqual(["ended", "not-started", "not-started", "not-started"]);
    expect(deployed()).toEqual(["web-01"]);
  });

  test("in a pause between batches, and one of --pause", async () => {
    const rollout = await start({ rollout: { ...ONE, pause: 600 } });
    await until("it waits", () => heard.length === 1);
    expect((await cancel(rollout.reqid)).slice(1)).toEqual(NOTHING_STARTS);
    const [stopped, asking = "", ...hosts] = said;
    expect([stopped, hosts.toSorted()]).toEqual(["no batch begins", HOSTS]);
    // The end of the first is perhaps not in the record yet.
    expect(["asking nobody", "asking web-01"]).toContain(asking);
    expect((await rollout.finished).rollout?.stopped).toContain("cancelled by bob");
    expect(deployed()).toEqual(["web-01"]);
  });

  /** Right after that step of it has been recorded. */
  async function cancelledAfter(isIt: (step: RolloutStep) => boolean, order = {}) {
    const { runs } = fleet.controller.store;
    const { begin } = runs;
    Object.assign(runs, {
      begin: async (...facts: Parameters<typeof begin>) => {
        const record = await begin(...facts);
        const step = record.step.bind(record);
        record.step = async (what) => {
          const noted = await step(what);
          if (isIt(what)) await cancel(facts[0].reqid).catch(() => []);
          return noted;
        };
        return record;
      },
    });
    try {
      return await run(order);
    } finally {
      Object.assign(runs, { begin });
    }
  }

  test("between the record of a batch and its first host, that is not asked", async () => {
    const { results, rollout } = await cancelledAfter(({ begun }) => begun === 2);
    expect(rollout?.stopped).toContain("it was cancelled by bob");
    expect(deployed()).toEqual(["web-01"]);
    expect(results.map(({ state }) => state === "ended")).toEqual([true, false, false, false]);
  });

  test("between the record of a check and its start, nobody is asked for that", async () => {
    const order = { rollout: { ...ONE, check: "health" } };
    const { rollout } = await cancelledAfter(({ checking }) => checking !== undefined, order);
    expect(rollout?.stopped).toContain("it was cancelled by bob");
    expect(fleet.log.of("dispatch").map(({ fields }) => fields.SCRIPT)).toEqual(["deploy"]);
  });

  test("after its end, no host of it waits any more", async () => {
    mark("web-01", "bad");
    const { reqid } = await run();
    expect(await cancel(reqid)).toEqual(HOSTS.map((host) => `${host} not-running`));
    expect([said[0], said.slice(1).toSorted()]).toEqual(["asking nobody", HOSTS]);
  });

  test("a host alone is not asked when its batch comes, nor after the rollout has stopped: whoever cancelled it there is named", async () => {
    const reqid = newRequestId();
    const statuses: string[][] = [];
    const confirm = async ({ batch }: { readonly batch: number }) => {
      if (batch === 2) statuses.push(await cancel(reqid, "web-02", "web-04"));
      return batch === 2;
    };
    const rollout = { ...ONE, max_failures: { hosts: 2 } };
    const order = { confirm, rollout };
    const report = await (await start(order, { ...CALLER, requestId: reqid })).finished;
    expect(statuses).toEqual([["web-02 will-not-start", "web-04 will-not-start"]]);
    expect(said).toEqual(["asking nobody", "web-02", "web-04"]);
    const cancelled = {
      state: "never-ran",
      error: "it was cancelled by bob before its batch began",
      cancelled_by: "bob",
    };
    const results = [
      { host: "web-01", state: "ended" },
      { host: "web-02", ...cancelled },
      { host: "web-03", state: "not-started" },
      { host: "web-04", ...cancelled },
    ];
    expect(report).toMatchObject({ results, rollout: { begun: 2, not_started: 1 } });
    expect((await show(reqid)).results).toMatchObject(results);
    expect((await run({ resume: reqid, hosts: [] })).results).toMatchObject([
      { host: "web-03", state: "ended" },
    ]);
    expect(deployed()).toEqual(["web-01", "web-03"]);
    expect(readdirSync(fleet.folder.join("control/state/rollouts"))).toEqual([]);
  });

  test("a host alone of one whose process was killed is known to be cancelled before it is resumed", async () => {
    mark("web-01", "bad");
    const accepted = await acceptRollout(fleet.controller, CALLER, {
      ...{ hosts: HOSTS, port: undefined, script: "deploy", args: [], rollout: ONE },
    });
    const { reqid } = accepted.body;
    await accepted.record.leave();
    await accepted.owned.leave();
    expect(await cancel(reqid, "web-01")).toEqual(["web-01 will-not-start"]);
    const { results } = await show(reqid);
    expect(results.find(({ host }) => host === "web-01")).toMatchObject({ cancelled_by: "bob" });
    await run({ resume: reqid, hosts: [] });
    expect(deployed()).toEqual(HOSTS.slice(1));
    const whole = (await show(reqid)).results;
    expect(whole.find(({ host }) => host === "web-01")).toMatchObject({ cancelled_by: "bob" });
  });

  test("its check is ended", async () => {
    using gate = await Gate.shut(fleet.folder.join("gate"));
    const rollout = await start({ rollout: { ...ONE, check: "slow" } });
    await until("the check runs", () => has("web-01", "begun"));
    expect(await cancel(rollout.reqid)).toEqual(["web-01 ended", ...NOTHING_STARTS]);
    const { rollout: report } = await rollout.finished;
    expect(report?.stopped).toBe("after batch 1 of 4: it was cancelled by bob");
    expect(deployed()).toEqual(["web-01"]);
    await gate.open();
  });
});

test("who goes on with the rollout of another is in its record and in the log", async () => {
  mark("web-01", "bad");
  const { reqid } = await run();
  expect((await show(reqid)).resumed_by).toBeUndefined();
  const BOB = { ...CALLER, username: "bob" };
  await (await start({ resume: reqid, hosts: [] }, BOB)).finished;
  const since = expect.any(String) as unknown as string;
  expect(await show(reqid)).toMatchObject({
    ...{ submitter: "tester", complete: true },
    resumed_by: [{ by: "bob", since }],
  });
  expect(fleet.log.of("rollout-resume").map(({ fields }) => fields)).toEqual([
    { REQID: reqid, SCRIPT: "deploy", USER: "bob" },
  ]);
});

test("its owner ends the check too: whoever cancels it may not have seen that begin", async () => {
  using gate = await Gate.shut(fleet.folder.join("gate"));
  const rollout = await start({ rollout: { ...ONE, check: "slow" } });
  await until("the check runs", () => has("web-01", "begun"));
  const { rollouts } = fleet.controller.store;
  await rollouts.wish(rollout.reqid, "cancel", { by: "bob", since: "" });
  const { rollout: report } = await rollout.finished;
  expect(report?.stopped).toBe("after batch 1 of 4: it was cancelled by bob");
  await gate.open();
});

test("one that another process owns is not resumed, whatever its record says", async () => {
  mark("web-01", "bad");
  const { reqid } = await run();
  const owned = await fleet.controller.store.rollouts.own(reqid);
  const resumed = run({ resume: reqid, hosts: [] });
  await expect(resumed).rejects.toThrow("it is under way");
  await owned?.leave();
  expect((await run({ resume: reqid, hosts: [] })).rollout?.not_started).toBe(0);
});

describe("paused", () => {
  const BOB = { ...CALLER, username: "bob" };

  test("it begins no batch until somebody continues it, and says so on the way", async () => {
    const paused = Promise.withResolvers<void>();
    const onNews = (each: RolloutNews) => {
      news.push(each);
      if (each.event === "paused") paused.resolve();
    };
    const reqid = newRequestId();
    const confirm = async ({ batch }: { readonly batch: number }) => {
      // While the question is open: whoever pauses it is promised that no batch begins.
      if (batch === 3) await pauseRollout(fleet.controller, BOB, reqid);
      return true;
    };
    const rollout = await start({ confirm, onNews }, { ...CALLER, requestId: reqid });
    await paused.promise;
    expect(deployed()).toEqual(["web-01", "web-02"]);
    const since = expect.stringMatching(/^\d{4}-/) as unknown as string;
    expect(await show(reqid)).toMatchObject({
      ...{ complete: false, paused: { by: "bob", since } },
      rollout: { batches: 4, begun: 2, not_started: 0 },
    });
    const { runs } = await listRuns(fleet.controller, CALLER, { limit: 1 });
    expect(runs[0]).toMatchObject({ reqid, paused: { by: "bob" } });
    // Twice is once.
    await pauseRollout(fleet.controller, CALLER, reqid);
    await continueRollout(fleet.controller, CALLER, reqid);
    await rollout.finished;
    expect(deployed()).toEqual(HOSTS);
    const told = news.filter(({ event }) => event === "paused" || event === "continued");
    expect(told).toEqual([
      { event: "paused", reqid, batch: 3, of: 4, by: "bob" },
      { event: "continued", reqid, batch: 3, of: 4, by: "tester" },
    ]);
    expect(fleet.log.of("rollout-pause").map(({ fields }) => fields)).toEqual([
      { REQID: reqid, USER: "bob" },
    ]);
    expect(fleet.log.of("rollout-continue").map(({ fields }) => fields)).toEqual([
      { REQID: reqid, USER: "tester" },
    ]);
    expect((await show(reqid)).paused).toBeUndefined();
  });

  test("while the hook decides on a batch: that does not begin, and the hook is asked again after", async () => {
    const reqid = newRequestId();
    const asked = fleet.folder.join("asked");
    const pause = fleet.folder.join(`control/state/rollouts/${reqid}.pause`);
    const wish = JSON.stringify({ by: "bob", since: "2026-01-02T03:04:05Z" });
    const hook = fleet.folder.script(
      "hook",
      `echo "$ENVEXEC_HOSTS" >>${asked}
      [ $(grep -cx web-02 ${asked}) != 1 ] || echo '${wish}' >${pause}`,
    );
    Object.assign(fleet.controller.config, { auth_hook: hook });
    const paused = Promise.withResolvers<void>();
    const onNews = (each: RolloutNews) => {
      news.push(each);
      if (each.event === "paused") paused.resolve();
    };
    const hosts = HOSTS.slice(0, 2);
    const rollout = await start({ hosts, onNews }, { ...CALLER, requestId: reqid });
    await paused.promise;
    expect(deployed()).toEqual(["web-01"]);
    await fleet.controller.store.rollouts.endPause(reqid, { by: "", since: "" });
    await rollout.finished;
    expect(deployed()).toEqual(hosts);
    const lines = readFileSync(asked, "utf8").trimEnd().split("\n");
    expect(lines).toEqual(["web-01,web-02", "web-01", "web-02", "web-02"]);
    rmSync(asked);
  });

  test("in its last batch it is not taken to pause what does not come any more", async () => {
    using shut = await Gate.shut(fleet.folder.join("gate"));
    const rollout = await start({ hosts: HOSTS.slice(0, 1), script: "slow" });
    await until("its only batch runs", () => has("web-01", "begun"));
    const { reqid } = rollout;
    await expect(pauseRollout(fleet.controller, BOB, reqid)).rejects.toMatchObject({
      code: "bad-request",
      message: `Cannot pause run ${reqid}: its last batch has begun, and no other comes`,
    });
    expect(await fleet.controller.store.rollouts.wishes(reqid)).toEqual({
      ...{ pause: undefined, cancel: undefined },
    });
    await shut.open();
    await rollout.finished;
    expect(fleet.log.of("rollout-pause")).toEqual([]);
  });

  test("it can be cancelled", async () => {
    const paused = Promise.withResolvers<void>();
    const onNews = ({ event }: RolloutNews) => {
      if (event === "paused") paused.resolve();
    };
    const reqid = newRequestId();
    const { rollouts } = fleet.controller.store;
    await rollouts.wish(reqid, "pause", { by: "bob", since: "" });
    const rollout = await start({ onNews }, { ...CALLER, requestId: reqid });
    await paused.promise;
    await cancelRun(fleet.controller, BOB, { reqid, hosts: [], grace: 0 }, () => undefined);
    expect((await rollout.finished).rollout?.stopped).toBe(
      "before batch 1: it was cancelled by bob",
    );
    expect(deployed()).toEqual([]);
  });

  test("T25 the hook is asked with words of their own, and nothing is told before", async () => {
    const asked = fleet.folder.join("asked");
    const hook = fleet.folder.script("hook", `echo "$ENVEXEC_ACTION" >>${asked}; exit 3`);
    Object.assign(fleet.controller.config, { auth_hook: hook });
    for (const work of [pauseRollout, continueRollout]) {
      await expect(work(fleet.controller, BOB, newRequestId())).rejects.toMatchObject({
        code: "denied",
      });
    }
    expect(readFileSync(asked, "utf8")).toBe("pause\ncontinue\n");
    rmSync(asked);
  });

  test("what cannot be paused or continued", async () => {
    const { reqid } = await run();
    const plain = await startRun(
      fleet.controller,
      CALLER,
      { hosts: ["web-01"], port: undefined, script: "deploy", args: [] },
      () => undefined,
    );
    await plain.finished;
    const refused = async (work: typeof pauseRollout, id: string) =>
      await work(fleet.controller, CALLER, id).catch(({ message }) => message);
    expect(await refused(pauseRollout, reqid)).toBe(`Cannot pause run ${reqid}: it has ended`);
    expect(await refused(pauseRollout, plain.reqid)).toBe(
      `Cannot pause run ${plain.reqid}: it is not a rollout`,
    );
    expect(await refused(continueRollout, newRequestId())).toContain("no such run");
    const asked = Promise.withResolvers<void>();
    const started = await start({
      confirm: async () => {
        asked.resolve();
        return await new Promise<boolean>(() => undefined);
      },
    });
    await asked.promise;
    expect(await refused(continueRollout, started.reqid)).toBe(
      `Cannot continue run ${started.reqid}: it is not paused`,
    );
    await started.abandon("the test is over");
  });
});

describe("of whom nobody waits any more", () => {
  const told = () => news.map(({ event }) => event);

  test("in a batch, its hosts are not said to have ended or failed", async () => {
    using gate = await Gate.shut(fleet.folder.join("gate"));
    const hosts = HOSTS.toReversed();
    const rollout = await start({ hosts, script: "slow", rollout: { batch: [{ hosts: 2 }] } });
    await until("the batch runs", () => has("web-03", "begun") && has("web-04", "begun"));
    await rollout.abandon("it was stopped");
    const { results, rollout: report } = await rollout.finished;
    expect(results.map(({ state }) => state === "not-started")).toEqual([false, false, true, true]);
    expect(report).toEqual({
      ...{ batches: 2, begun: 1, not_started: 2 },
      stopped: "after batch 1 of 2: it was stopped",
    });
    expect(told()).toEqual(["batch", "stopped"]);
    await gate.open();
  });

  test("in its check, that has not failed, and may go on", async () => {
    using gate = await Gate.shut(fleet.folder.join("gate"));
    const rollout = await start({ rollout: { ...ONE, check: "slow" } });
    await until("the check runs", () => has("web-01", "begun"));
    await rollout.abandon("it was stopped");
    const { rollout: report } = await rollout.finished;
    expect(report?.stopped).toBe("after batch 1 of 4: it was stopped");
    const check = await show(report?.checking ?? "");
    expect([check.script, check.hosts]).toEqual(["slow", ["web-01"]]);
    expect(told()).toEqual(["batch", "batch-end", "stopped"]);
    await gate.open();
  });
});

test("one whose process is stopped, and may go on at any moment, is not resumed by another", async () => {
  const rollout = await start({ rollout: { ...ONE, pause: 600 } });
  await until("it pauses", () => heard.length === 1);
  const record = fleet.folder.join("control/state/runs", `${rollout.reqid}.json`);
  await until("its record has the result", () => readFileSync(record, "utf8").includes('"ended"'));
  const past = new Date(Date.now() - 120_000);
  utimesSync(record, past, past);
  const resumed = start({ resume: rollout.reqid });
  await expect(resumed).rejects.toThrow("it is under way");
  await rollout.abandon("it was stopped");
  expect(deployed()).toEqual(["web-01"]);
});

test("a record that another process has taken over is seen before the next batch, and left alone", async () => {
  const record = (reqid: string) => fleet.folder.join("control/state/runs", `${reqid}.json`);
  let taken = "";
  const onNews = (each: RolloutNews) => {
    news.push(each);
    if (each.event !== "batch-end" || each.batch !== 2) return;
    taken = readFileSync(record(each.reqid), "utf8").replace(
      /"id":"\w{16}"/,
      `"id":"${"0".repeat(16)}"`,
    );
    fleet.folder.write(`control/state/runs/${each.reqid}.json`, taken);
  };
  const { reqid, rollout } = await run({ onNews });
  expect(deployed()).toEqual(["web-01", "web-02"]);
  expect(batches()).toEqual([["web-01"], ["web-02"]]);
  expect(rollout).toBeUndefined();
  expect(readFileSync(record(reqid), "utf8")).toBe(taken);
  expect(await fleet.controller.store.rollouts.isOwned(reqid)).toBe(false);
});

test("its record says which batch and check are under way, and when the next batch begins", async () => {
  using shut = await Gate.shut(fleet.folder.join("gate"));
  const rollout = { ...ONE, check: "slow", pause: 600 };
  const under = await start({ hosts: HOSTS.slice(0, 2), rollout });
  const { reqid } = under;
  await until("the check runs", () => has("web-01", "begun"));
  const at = async () => (await show(reqid)).rollout;
  const far = { batches: 2, begun: 1, not_started: 0 };
  const check = expect.stringMatching(/^[0-9a-f]{16}$/) as unknown as string;
  expect(await at()).toEqual({ ...far, checking: check });
  await shut.open();
  const isNext = async () => (await at())?.next_at !== undefined;
  await until("the pause is recorded", isNext);
  const next_at = (await at())?.next_at ?? "";
  expect(await at()).toEqual({ ...far, next_at });
  const seconds = (Date.parse(next_at) - Date.now()) / 1000;
  expect([seconds > 500, seconds <= 601]).toEqual([true, true]);
  await under.abandon("the test is over");
  expect(await at()).toEqual({
    ...far,
    ...{ not_started: 1, stopped: "after batch 1 of 2: the test is over" },
  });
});

test("when it has ended, nothing of it is left but its record", async () => {
  const { reqid } = await run();
  const left = readdirSync(fleet.folder.join("control/state/rollouts"));
  expect(left.filter((name) => name.startsWith(reqid))).toEqual([]);
});

test("too many failures in the last batch stop nothing: it has no check, and everything ran", async () => {
  mark("web-03", "bad");
  const two = { batch: [{ hosts: 2 }], check: "health" } as const;
  const { results, rollout } = await run({ rollout: two });
  expect(rollout).toEqual({ batches: 2, begun: 2, not_started: 0 });
  expect(results.map(({ exit }) => exit)).toEqual([0, 0, 1, 0]);
  const told = news.map((each) => ("batch" in each ? `${each.event} ${each.batch}` : each.event));
  expect(told).toEqual(["batch 1", "batch-end 1", "check 1", "batch 2", "batch-end 2"]);
});

describe("it stops after a batch in which more hosts failed than may, and goes on with the rest", () => {
  test("none unless told otherwise", async () => {
    mark("web-02", "bad");
    const { reqid, results, rollout } = await run();
    expect(deployed()).toEqual(["web-01", "web-02"]);
    expect(states(results)).toEqual(["ended", "ended", "not-started", "not-started"]);
    const stopped = "after batch 2 of 4: 1 host failed";
    expect(rollout).toEqual({ batches: 4, begun: 2, not_started: 2, stopped });
    expect(heard.map(({ host }) => host)).toEqual(["web-01", "web-02"]);
    const report = await show(reqid);
    expect(report).toMatchObject({ complete: true, pending: [] });
    expect(report.results[3]).toMatchObject({
      ...{ host: "web-04", exit: -1, state: "not-started" },
      error: `the rollout stopped ${stopped}`,
    });
    expect(fleet.log.of("rollout-stop").map(({ fields }) => fields)).toEqual([
      { COUNT: 2, REASON: stopped, REQID: reqid, SCRIPT: "deploy" },
    ]);

    const again = await run({ resume: reqid, hosts: [], rollout: {} });
    expect(again).toMatchObject({ reqid, rollout: { batches: 2, begun: 2, not_started: 0 } });
    expect(again.results.map(({ host, exit }) => [host, exit])).toEqual([
      ["web-03", 0],
      ["web-04", 0],
    ]);
    const whole = await show(reqid);
    expect(whole.results.map(({ host, exit }) => [host, exit])).toEqual([
      ["web-01", 0],
      ["web-02", 1],
      ["web-03", 0],
      ["web-04", 0],
    ]);
    expect(whole.started).toBe(report.started);
    await expect(run({ resume: reqid, hosts: [] })).rejects.toMatchObject({
      message: `Cannot go on with run ${reqid}: none of its hosts is not-started`,
    });
  });

  test("as many as may fail stop nothing, and a percentage is of all", async () => {
    mark("web-01", "bad");
    mark("web-03", "bad");
    const rollout = { ...ONE, max_failures: { percent: 25 } };
    const report = await run({ rollout });
    expect(states(report.results)).toEqual(["ended", "ended", "ended", "not-started"]);
    expect(report.rollout?.stopped).toBe("after batch 3 of 4: 2 hosts failed, and at most 1 may");
  });
});

test("a host where the script runs already has failed, and the others of its batch go on", async () => {
  using gate = await Gate.shut(fleet.folder.join("gate"));
  const order = { hosts: ["web-02"], port: undefined, script: "slow", args: [] };
  const other = await startRun(fleet.controller, CALLER, order, () => undefined);
  await until("it runs there", () => has("web-02", "begun"));
  const started = await start({ script: "slow", rollout: { batch: [{ hosts: 2 }] } });
  await until("the other host of the batch runs it", () => has("web-01", "begun"));
  await gate.open();
  const { results } = await started.finished;
  await other.finished;
  expect(states(results)).toEqual(["ended", "never-ran", "not-started", "not-started"]);
  const error = `locked: it runs there already, as run ${other.reqid}`;
  expect(results[1]?.error).toBe(error);
  expect(heard.map(({ host }) => host)).toEqual(["web-02", "web-01"]);
  const logged = fleet.log.of("run").filter(({ fields }) => fields.REQID === started.reqid);
  const [refused] = logged.filter(({ level }) => level === "err");
  expect(refused?.fields).toMatchObject({ ERROR: error, SCRIPT: "slow" });
});

describe("the check", () => {
  const rollout = { ...ONE, check: "health" };

  test("runs on each batch, and its failure stops", async () => {
    mark("web-02", "ill");
    const report = await run({ rollout });
    expect(states(report.results)).toEqual(["ended", "ended", "not-started", "not-started"]);
    expect(report.rollout?.stopped).toBe("after batch 2 of 4: its check failed on web-02");
    const checks = news.flatMap((each) => (each.event === "check" ? [each] : []));
    expect(checks).toMatchObject([
      { batch: 1, script: "health", failed: [] },
      { batch: 2, script: "health", failed: ["web-02"] },
    ]);
    // It is a run of its own.
    expect(await show(checks[1]?.check ?? "")).toMatchObject({
      script: "health",
      results: [{ host: "web-02", exit: 1 }],
      check_of: report.reqid,
    });
    const { runs } = await listRuns(fleet.controller, CALLER, { limit: 3 });
    const listed = new Map(runs.map(({ reqid, check_of }) => [reqid, check_of]));
    const named = checks.map(({ check }) => [check, report.reqid] as const);
    expect(listed).toEqual(new Map([...named, [report.reqid, undefined]]));
    const dispatched = fleet.log.of("dispatch").filter(({ fields }) => fields.SCRIPT === "health");
    expect(dispatched.map(({ fields }) => fields.ROLLOUT)).toEqual([report.reqid, report.reqid]);
  });

  test("is not asked of a host that has failed and may", async () => {
    mark("web-01", "bad");
    mark("web-01", "ill");
    const report = await run({ rollout: { ...rollout, max_failures: { hosts: 1 } } });
    expect(report.rollout).toEqual({ batches: 4, begun: 4, not_started: 0 });
    expect(news.filter(({ event }) => event === "check")).toHaveLength(3);
  });

  test("has failed where it is refused, and is not asked for again", async () => {
    const report = await run({ rollout: { ...ONE, check: "unlisted" } });
    const why = "its check failed on web-01: script not permitted";
    expect(report.rollout?.stopped).toBe(`after batch 1 of 4: ${why}`);
    const scripts = fleet.log.of("dispatch").map(({ fields }) => fields.SCRIPT);
    expect(scripts).toEqual(["deploy", "unlisted"]);
  });

  test("names three of those on which it has failed", async () => {
    for (const host of HOSTS) mark(host, "ill");
    const whole = { ...rollout, batch: [{ hosts: 4 }] };
    const stopped = async (hosts: readonly string[]) =>
      (await run({ rollout: whole, hosts })).rollout?.stopped;
    const failed = "after batch 1 of 1: its check failed on web-01, web-02, web-03";
    expect(await stopped(HOSTS)).toBe(`${failed} and 1 more`);
    expect(await stopped(HOSTS.slice(0, 3))).toBe(failed);
  });

  test("finds a host that was named by its address again", async () => {
    const hosts = fleet.agents.slice(0, 2).map(({ config }) => `127.0.0.1:${config.port}`);
    for (const some of [hosts, hosts.slice(1)]) {
      const report = await run({ rollout, hosts: some });
      const batches = some.length;
      expect(report.rollout).toEqual({ batches, begun: batches, not_started: 0 });
    }
  });

  test("stops after the last batch too", async () => {
    mark("web-04", "ill");
    const { rollout: told } = await run({ rollout });
    const stopped = "after batch 4 of 4: its check failed on web-04";
    expect(told).toEqual({ batches: 4, begun: 4, not_started: 0, stopped });
  });
});

test("nobody is asked when it was stopped between two batches, and it can be gone on with", async () => {
  const asked = Promise.withResolvers<void>();
  const started = await start({
    confirm: async () => {
      asked.resolve();
      return await new Promise<boolean>(() => undefined);
    },
  });
  await asked.promise;
  await started.abandon("ctrl-exec was stopped");
  const { results, rollout } = await started.finished;
  expect(rollout?.stopped).toBe("after batch 1 of 4: ctrl-exec was stopped");
  expect(states(results)).toEqual(["ended", "not-started", "not-started", "not-started"]);
  await run({ resume: started.reqid, hosts: [], confirm: async ({ batch }) => batch < 3 });
  expect(deployed()).toEqual(["web-01", "web-02", "web-03"]);
  const last = (await show(started.reqid)).results.at(-1);
  expect(last).toMatchObject({ host: "web-04", state: "not-started" });
});

test("what was stopped in the middle of a batch has an end for each of its hosts", async () => {
  using gate = await Gate.shut(fleet.folder.join("gate"));
  const started = await start({ script: "slow", rollout: { batch: [{ hosts: 2 }] } });
  await until("a batch runs", () => has("web-01", "begun") && has("web-02", "begun"));
  expect((await show(started.reqid)).results.map(({ host, state }) => [host, state])).toEqual([
    ["web-03", "queued"],
    ["web-04", "queued"],
  ]);
  await started.abandon("ctrl-exec was stopped");
  const { results } = await started.finished;
  expect(results.map(({ state }) => state)).not.toContain("never-ran");
  expect(states(results).slice(2)).toEqual(["not-started", "not-started"]);
  await gate.open();
});

describe("what cannot be gone on with", () => {
  test("a run that was not a rollout, another script, one under way, one that is not known", async () => {
    const order = { hosts: ["web-01"], port: undefined, script: "deploy", args: [] };
    const plain = await startRun(fleet.controller, CALLER, order, () => undefined);
    await plain.finished;
    const resume = (reqid: string, script = "deploy") => run({ resume: reqid, hosts: [], script });
    await expect(resume(plain.reqid)).rejects.toMatchObject({ code: "bad-request" });
    await expect(resume("00000000000000ff")).rejects.toMatchObject({ code: "not-found" });
    const asked = Promise.withResolvers<void>();
    const confirm = async () => {
      asked.resolve();
      return await new Promise<boolean>(() => undefined);
    };
    const started = await start({ confirm });
    await asked.promise;
    await expect(resume(started.reqid)).rejects.toMatchObject({
      message: `Cannot go on with run ${started.reqid}: it is under way`,
    });
    await started.abandon("stopped");
    await expect(resume(started.reqid, "health")).rejects.toMatchObject({
      message: `Cannot go on with run ${started.reqid}: it runs deploy, not health`,
    });
    expect(deployed()).toEqual(["web-01"]);
  });
});

test("T76 the hook is asked for the whole, and again for each batch; a refusal between two stops", async () => {
  const hook = fleet.folder.script(
    "hook",
    `echo "$ENVEXEC_SCRIPT $ENVEXEC_HOSTS" >>${fleet.folder.join("asked")}
    [ "$ENVEXEC_HOSTS" != web-02 ] || exit 3`,
  );
  Object.assign(fleet.controller.config, { auth_hook: hook });
  const report = await run({ rollout: { ...ONE, check: "health" } });
  expect(deployed()).toEqual(["web-01"]);
  expect(states(report.results)).toEqual(["ended", "not-started", "not-started", "not-started"]);
  expect(report.rollout?.stopped).toBe("after batch 1 of 4: denied: insufficient privilege");
  const all = HOSTS.join(",");
  expect(readFileSync(fleet.folder.join("asked"), "utf8").trim().split("\n")).toEqual([
    `deploy ${all}`,
    `health ${all}`,
    "deploy web-01",
    "health web-01",
    "deploy web-02",
  ]);
});

test("T76 once it is to begin no more the hook is asked of no batch, and one of which it is just asked does not begin", async () => {
  const asked = () => readFileSync(fleet.folder.join("asked"), "utf8").trim().split("\n");
  rmSync(fleet.folder.join("asked"), { force: true });
  using gate = await Gate.shut(fleet.folder.join("gate"));
  const body = `echo "$ENVEXEC_HOSTS" >>${fleet.folder.join("asked")}
    [ "$ENVEXEC_HOSTS" != web-02 ] || { ${passes(fleet.folder.join("gate"))}; }`;
  Object.assign(fleet.controller.config, { auth_hook: fleet.folder.script("hook", body) });
  const between = await start({
    confirm: async () => {
      between.beginNoMore("ctrl-exec was stopped");
      return true;
    },
  });
  const stopped = "after batch 1 of 4: ctrl-exec was stopped";
  expect((await between.finished).rollout?.stopped).toBe(stopped);
  expect(asked()).toEqual([HOSTS.join(","), "web-01"]);
  const meanwhile = await start({}, { ...CALLER, token: "s3cret" });
  await until("the hook is asked of the second batch", () => asked().at(-1) === "web-02");
  meanwhile.beginNoMore("whoever has s3cret has stopped it");
  await gate.open();
  const { rollout } = await meanwhile.finished;
  expect(rollout).toMatchObject({ begun: 1, stopped: expect.stringContaining("has [token has") });
  const account = openReplies(fleet.controller);
  const found = await fleet.controller.store.runs.readOpen(meanwhile.reqid, account);
  account.close();
  const told = found?.rollout?.told?.map(({ event }) => event);
  expect(told).toEqual(["batch", "batch-end", "stopped"]);
});

test("T22 no batch begins where its record cannot be written any more", async () => {
  const records = fleet.folder.join("control/state/runs");
  const onNews = (each: RolloutNews) => {
    if (each.event !== "batch-end") return;
    renameSync(records, `${records}.away`);
    fleet.folder.write("control/state/runs", "in the way");
  };
  try {
    const { rollout } = await run({ onNews });
    expect(rollout?.stopped).toBe("after batch 1 of 4: its record cannot be written");
    expect(deployed()).toEqual(["web-01"]);
  } finally {
    rmSync(records);
    renameSync(`${records}.away`, records);
  }
});

test("a batch that has just begun when it is given up is not waited for", async () => {
  using gate = await Gate.shut(fleet.folder.join("gate"));
  const onNews = (each: RolloutNews) => {
    if (each.event === "batch") void started.abandon("ctrl-exec was stopped");
  };
  const started = await start({ script: "slow", onNews });
  const { results, rollout } = await started.finished;
  expect(rollout?.stopped).toBe("after batch 1 of 4: ctrl-exec was stopped");
  expect(states(results).slice(1)).toEqual(["not-started", "not-started", "not-started"]);
  await gate.open();
});

test("T76 a refusal of the first batch stops before it, and nothing has begun", async () => {
  const hook = fleet.folder.script("hook", '[ "$ENVEXEC_HOSTS" != web-01 ] || exit 3');
  Object.assign(fleet.controller.config, { auth_hook: hook });
  const { results, rollout } = await run();
  expect(rollout).toEqual({
    ...{ batches: 4, begun: 0, not_started: 4 },
    stopped: "before batch 1: denied: insufficient privilege",
  });
  expect([states(results), deployed()]).toEqual([HOSTS.map(() => "not-started"), []]);
});

test("who does not confirm the next batch stops it there, and is asked of each but the first", async () => {
  const asked: number[] = [];
  const confirm = async ({ batch }: { readonly batch: number }) => asked.push(batch) < 2;
  const { rollout } = await run({ confirm });
  expect(rollout).toEqual({
    ...{ batches: 4, begun: 2, not_started: 2 },
    stopped: "after batch 2 of 4: it was not confirmed",
  });
  expect(asked).toEqual([2, 3]);
});

test("a refusal of the check comes before anything runs", async () => {
  const hook = fleet.folder.script("hook", '[ "$ENVEXEC_SCRIPT" != health ]');
  Object.assign(fleet.controller.config, { auth_hook: hook });
  await expect(run({ rollout: { ...ONE, check: "health" } })).rejects.toMatchObject({
    code: "denied",
  });
  expect(deployed()).toEqual([]);
  expect(fleet.log.of("dispatch")).toEqual([]);
});

test("T63 what only a rotation calls is not a check", async () => {
  const rollout = { ...ONE, check: "update-ctrl-exec-serial" };
  await expect(run({ rollout })).rejects.toMatchObject({ code: "bad-request" });
  expect(batches()).toEqual([]);
});

test("at most one host of each rack is asked at once", async () => {
  const { learned } = fleet.controller.store;
  const racks = HOSTS.map((host, at) => [host, { tags: { rack: at < 2 ? "a" : "b" } }] as const);
  await learned.learn(new Map(racks));
  await run({ rollout: { per_tag: { rack: 1 } } });
  expect(batches()).toEqual([
    ["web-01", "web-03"],
    ["web-02", "web-04"],
  ]);
  await expect(run({ rollout: { per_tag: { rakc: 1 } } })).rejects.toMatchObject({
    code: "bad-request",
    message: "Cannot limit batches by rakc: none of the hosts has that tag",
  });
});
