/** How runs ended whose process has gone: asked in passing, and not twice of a host that is away. */
import { expect, test } from "bun:test";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import { learnEnds } from "../../../../src/controller/runs/learn-ends.ts";
import { until } from "../../../support/folder.ts";
import { leftRun, LEFT_REQID as REQID } from "../../../support/left-run.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { http10 } from "../../../support/peers.ts";

const done = (more: object = {}) =>
  http10({ status: "done", exit: 3, stdout: "", stderr: "", state: "ended", ...more });

test("the end of a run is learned and recorded, and then nobody is asked again", async () => {
  await using run = await leftRun(() => done());
  const learn = async () => (await learnEnds(run.fleet.controller, [REQID])).get(REQID);
  const learned = {
    hosts: [{ host: "web-01", state: "ended", exit: 3, failed: true }],
    completed: expect.stringMatching(/^\d{4}-/),
    unheard: [],
  };
  expect(await learn()).toEqual(learned as never);
  expect(await learn()).toEqual(learned as never);
  expect(run.asked).toHaveLength(1);
});

test.each([
  [done({ exit: 0 }), { state: "ended", exit: 0, failed: false }, []],
  [
    done({ exit: 126, signal: "SIGTERM", cancelled: true }),
    { state: "ended", exit: 126, failed: true, cancelled: true },
    [],
  ],
  [http10({ status: "running" }), { state: "running", exit: null, failed: false }, []],
] as const)("what its agent says is told in short: %#", async (answer, told, unheard) => {
  await using run = await leftRun(() => answer);
  const learned = (await learnEnds(run.fleet.controller, [REQID])).get(REQID);
  expect(learned?.hosts).toEqual([{ host: "web-01", ...told }]);
  expect(learned?.unheard).toEqual([...unheard]);
});

test("a host that is away is asked once, whatever is wanted of it, and said to be unheard", async () => {
  await using run = await leftRun(() => "");
  const { controller, folder } = run.fleet;
  const record = JSON.parse(readFileSync(run.file, "utf8"));
  // Eight are asked about at once, and the ninth when one of them is done.
  const others = Array.from({ length: 8 }, (_, at) => `00000000000000${10 + at}`);
  for (const reqid of others) {
    const file = folder.write(
      `control/state/runs/${reqid}.json`,
      JSON.stringify({ ...record, reqid }),
    );
    const then = new Date(run.fleet.now.getTime() - 61_000);
    utimesSync(file, then, then);
  }
  const learned = await learnEnds(controller, [REQID, ...others, "00000000000000ff"]);
  expect(learned.size).toBe(9);
  for (const found of learned.values()) expect(found?.unheard).toEqual(["web-01"]);
  expect(new Set(run.asked).size).toBe(8);
});

test("a run whose process records it itself is left to it; what cannot be read stays as it is", async () => {
  await using run = await leftRun(() => done());
  run.age(0);
  const { controller, folder } = run.fleet;
  const cut = "fedcba9876543210";
  folder.write(`control/state/runs/${cut}.json`, "{");
  const learned = await learnEnds(controller, [REQID, cut, "00000000000000ff"]);
  expect([...learned]).toEqual([[REQID, null]]);
  expect(run.asked).toEqual([]);
});

test("for no run, nothing is read or dialled", async () => {
  await using bare = await LocalFleet.bare();
  expect((await learnEnds(bare.controller, [])).size).toBe(0);
});

test("what was not learned in time is not told, also when it comes later", async () => {
  const mayAnswer = Promise.withResolvers<void>();
  await using run = await leftRun(async () => {
    await mayAnswer.promise;
    return done();
  });
  const { controller, log } = run.fleet;
  const learned = await learnEnds(controller, [REQID], 50);
  expect(learned.size).toBe(0);
  mayAnswer.resolve();
  // It is of use to whoever asks next.
  await until("it is recorded", () => log.of("run").length === 1);
  await Bun.sleep(0);
  expect(learned.size).toBe(0);
});

test("a slip of the program is not taken for a run that cannot be read", async () => {
  await using bare = await LocalFleet.bare();
  const { controller } = bare;
  const slip = () => Promise.reject(new TypeError("a slip"));
  const runs = Object.assign(Object.create(controller.store.runs), { readOpen: slip });
  const slipping = { ...controller, store: { ...controller.store, runs } };
  await expect(learnEnds(slipping, [REQID])).rejects.toThrow("a slip");
});

test("T29 what it took to read a run is given back", async () => {
  await using run = await leftRun(() => done());
  const result = { host: "web-01", script: "deploy", exit: 0, stdout: "x".repeat(60_000) };
  const facts = { reqid: REQID, script: "deploy", hosts: ["web-01"], complete: true };
  const results = [{ ...result, stderr: "", rtt: "1ms", reqid: REQID }];
  writeFileSync(run.file, JSON.stringify({ ...facts, results, completed: "2026-01-01T00:00:00Z" }));
  const dialler = new KeptDialler();
  const config = { ...run.fleet.controller.config, max_replies: 200_000 };
  const shared = { ...run.fleet.controller, config, dialler };
  for (let time = 0; time < 20; time++) {
    expect((await learnEnds(shared, [REQID])).get(REQID)?.hosts).toMatchObject([{ exit: 0 }]);
  }
  dialler.close();
});
