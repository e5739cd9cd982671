/** What becomes of a run whose process has ended, when its agents are asked. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { Contact } from "../../../../src/controller/fleet/contact-watch.ts";
import { waitFor } from "../../../../src/controller/runs/wait.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { fullDisk } from "../../../support/full-disk.ts";
import { leftRun, LEFT_REQID as REQID } from "../../../support/left-run.ts";
import { CALLER } from "../../../support/local-fleet.ts";
import { http10 } from "../../../support/peers.ts";

const NEVER = new AbortController().signal;

const done = {
  status: "done",
  exit: 3,
  stdout: "out\n",
  stderr: "err\n",
  state: "ended",
  started: "2026-01-15T12:00:00.000Z",
  finished: "2026-01-15T12:00:01.500Z",
};
const NOT_FOUND = http10({ error: "not found" }, "404 Not Found");

test("the agent's result is shown, logged, and recorded: it is asked for once", async () => {
  await using run = await leftRun(() => http10(done));
  const ended = {
    complete: true,
    pending: [],
    submitter: "tester",
    // Not when somebody asked.
    completed: "2026-01-15T12:00:01Z",
    results: [
      {
        host: "web-01",
        exit: 3,
        stdout: "out\n",
        stderr: "err\n",
        rtt: "1500ms",
        state: "ended",
        started: done.started,
        ended: done.finished,
      },
    ],
  };
  expect(await run.show()).toMatchObject(ended);
  expect(await run.show()).toMatchObject(ended);
  expect(run.asked).toEqual([`GET /result/${REQID}`]);
  expect(run.fleet.log.of("run")).toMatchObject([{ fields: { EXIT: 3, REQID, SCRIPT: "deploy" } }]);
  // The auth hook is told the submitter before the rest is read (T67).
  expect(readFileSync(run.file, "utf8")).toStartWith(`{"reqid":"${REQID}","submitter":"tester",`);
});

test("a script that still runs is asked after again, until it has ended", async () => {
  const answers = [{ status: "running", started: done.started }, done];
  await using run = await leftRun(() => http10(answers.length > 1 ? answers.shift() : done));
  expect(await run.show()).toMatchObject({
    complete: false,
    completed: null,
    pending: ["web-01"],
    results: [{ host: "web-01", exit: -1, state: "running", started: done.started }],
  });
  expect((await run.show()).complete).toBe(true);
});

test("an agent that is away has said nothing: why, and what was heard last", async () => {
  let away = false;
  await using run = await leftRun(() => (away ? "" : http10({ status: "running" })));
  expect(await run.show()).toMatchObject({ results: [{ state: "running" }] });
  away = true;
  const { results, complete } = await run.show();
  expect(complete).toBe(false);
  expect(results).toMatchObject([
    {
      state: "running",
      error: expect.stringMatching(
        /^cannot be asked now: .*closed.*; when last heard of, the script was running$/,
      ),
    },
  ]);
  const told: string[] = [];
  const leave = new AbortController();
  const onContact = (host: string, contact: Contact) => {
    told.push(contact.kind === "lost" ? `${host}: ${contact.why}` : `${host} is back`);
    away = false;
    leave.abort();
  };
  const order = { reqid: REQID, signal: leave.signal, onContact };
  await waitFor(run.fleet.controller, CALLER, order, () => undefined);
  expect(told).toEqual([expect.stringMatching(/^web-01: .*closed/)]);
});

test("an agent that knows nothing of runs leaves it unknown", async () => {
  await using run = await leftRun(() => NOT_FOUND);
  expect(await run.show()).toMatchObject({ complete: true, results: [{ state: "unknown" }] });
});

const WITHDRAWN = "POST /withdraw";
const answersOf = (known_for: number) => (line: string) =>
  line === WITHDRAWN
    ? http10({ status: "withdrawn", known_for })
    : http10({ error: "no such run" }, "404 Not Found");

test.each([
  [3600, "never-ran", "the request never reached its agent, which would now refuse it"],
  // Less than it took to ask.
  [0.001, "lost", "its agent does not know this run, and may have forgotten it: it may have run"],
] as const)(
  "an agent of 1.1 that does not know it, for %d s: %s",
  async (seconds, state, error) => {
    await using run = await leftRun(answersOf(seconds));
    const told = { complete: true, results: [{ host: "web-01", exit: -1, state, error }] };
    expect(await run.show()).toMatchObject(told);
    // It is recorded: nobody is asked again.
    expect(await run.show()).toMatchObject(told);
    expect(run.asked).toEqual([`GET /result/${REQID}`, WITHDRAWN]);
  },
);

test("a script that has run is lost, whatever its agent says later", async () => {
  let known = true;
  await using run = await leftRun((line) => {
    if (known) return http10({ status: "running", started: done.started });
    return answersOf(3600)(line);
  });
  expect(await run.show()).toMatchObject({ results: [{ state: "running" }] });
  known = false;
  expect(await run.show()).toMatchObject({
    complete: true,
    results: [
      { state: "lost", error: "its agent does not know this run any more", started: done.started },
    ],
  });
});

test("a run that its agent has taken meanwhile is asked after again", async () => {
  await using run = await leftRun((line) =>
    line === WITHDRAWN ? http10({ status: "known" }) : answersOf(0)(line),
  );
  expect(await run.show()).toMatchObject({ results: [{ state: "unknown" }] });
  expect(run.asked).toEqual([`GET /result/${REQID}`, WITHDRAWN]);
});

test("while its process lives, its request may be on its way, and is not withdrawn", async () => {
  await using run = await leftRun(answersOf(3600));
  run.age(0);
  expect(await run.show(true)).toMatchObject({ complete: false, results: [{ state: "queued" }] });
  expect(run.asked).toEqual([`GET /result/${REQID}`]);
});

test("while its process lives, only who wants to know how it is now asks the agent", async () => {
  await using run = await leftRun(() => http10({ status: "running" }));
  run.age(0);
  expect(await run.show()).toMatchObject({ complete: false, results: [] });
  expect(run.asked).toEqual([]);
  expect(await run.show(true)).toMatchObject({ complete: false, results: [{ state: "running" }] });
  // What is recorded is its process's affair.
  expect(await run.show()).toMatchObject({ complete: false, results: [] });
});

test("a host that its process has not asked yet is queued", async () => {
  const answers = [{ error: "no such run" }, { status: "running" }, { error: "no such run" }];
  await using run = await leftRun(() => {
    const answer = answers.shift() ?? {};
    return http10(answer, "error" in answer ? "404 Not Found" : "200 OK");
  });
  run.age(0);
  const queued = { complete: false, pending: ["web-01"], results: [{ state: "queued" }] };
  expect(await run.show(true)).toMatchObject(queued);
  expect(await run.show(true)).toMatchObject({ results: [{ state: "running" }] });
  // Nobody will ask it any more.
  run.age(61);
  expect(await run.show(true)).toMatchObject({ complete: true, results: [{ state: "unknown" }] });
});

test("an older agent, which does not say whether it was asked, leaves a host without a state", async () => {
  await using run = await leftRun(() => NOT_FOUND);
  run.age(0);
  expect(await run.show(true)).toMatchObject({ complete: false, results: [] });
});

test("whoever waits hears of the end from the agent", async () => {
  const answers = [{ status: "running" }, done];
  await using run = await leftRun(() => http10(answers.length > 1 ? answers.shift() : done));
  const heard: RunResult[] = [];
  const order = { reqid: REQID, signal: NEVER };
  const report = await waitFor(run.fleet.controller, CALLER, order, (one) => heard.push(one));
  expect(report.complete).toBe(true);
  expect(heard).toMatchObject([{ host: "web-01", exit: 3, state: "ended" }]);
});

test("a host that is away is waited for, and told of once, as is that it is back", async () => {
  let calls = 0;
  await using run = await leftRun(async () => {
    calls += 1;
    if (calls > 1) return http10(done);
    // However long it takes to find out, it is asked again soon.
    await Bun.sleep(500);
    return "";
  });
  const began = performance.now();
  const heard: RunResult[] = [];
  const told: string[] = [];
  const onContact = (host: string, { kind }: Contact) => told.push(`${host} ${kind}`);
  const order = { reqid: REQID, signal: NEVER, onContact };
  await waitFor(run.fleet.controller, CALLER, order, (one) => heard.push(one));
  expect(heard).toMatchObject([{ state: "ended" }]);
  expect(told).toEqual(["web-01 lost", "web-01 back"]);
  expect(performance.now() - began).toBeLessThan(8000);
});

test("without a sound credential of this host its record alone is shown, and no agent is asked", async () => {
  await using run = await leftRun(() => http10(done));
  writeFileSync(run.fleet.controller.config.cert, "no certificate");
  expect(await run.show()).toMatchObject({ results: [{ host: "web-01", state: "unknown" }] });
  expect(run.asked).toEqual([]);
});

test("T22 what cannot be recorded is reported all the same, the log says why, and it is asked for again", async () => {
  await using run = await leftRun(() => http10(done));
  const told = { complete: true, results: [{ exit: 3, stdout: "out\n" }] };
  {
    using _full = fullDisk(1);
    expect(await run.show()).toMatchObject(told);
  }
  expect(run.fleet.log.of("run-store-fail").map(({ fields }) => fields)).toEqual([
    { ERROR: `Cannot write ${run.file}: EFBIG`, REQID },
  ]);
  expect(run.fleet.log.of("run")).toEqual([]);
  expect(await run.show()).toMatchObject(told);
  expect(run.asked).toHaveLength(2);
});
