/** Ending a run on its hosts, where a stand-in answers for the agent. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { openReplies } from "../../../../src/controller/control-host.ts";
import { type CancelOrder, cancelRun } from "../../../../src/controller/runs/cancel.ts";
import { isoSeconds } from "../../../../src/core/time.ts";
import { identify } from "../../../../src/system/process/process-id.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

const REQID = "0123456789abcdef";

const LOST = { state: "lost", error: "ctrl-exec-shim was killed" } as const;
const LEFT = { state: "ended", error: "1 of its processes could not be ended" } as const;
type End =
  | { readonly state: "lost"; readonly error: string }
  | (typeof LEFT & { readonly cancelled?: true; readonly timed_out?: true });

/** A run on web-01, which may still run there, and on db-01, where it has ended. */
async function stageOf(answer: (call: StreamedCall) => void, end?: End) {
  const fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const calls: StreamedCall[] = [];
  const peer = await streamingPeer(agent, (call) => {
    calls.push(call);
    answer(call);
  });
  const asked = { hosts: ["web-01", "db-01"], ports: [peer.port, null] };
  const run = { reqid: REQID, script: "deploy", submitter: "tester", token: "" };
  const record = await fleet.controller.store.runs.begin({ ...run, ...asked }, true);
  const output = { stdout: "", stderr: "", rtt: "1ms", reqid: REQID } as const;
  record.add({ host: "db-01", script: "deploy", exit: 0, ...output, state: "ended" });
  if (end) record.add({ host: "web-01", script: "deploy", exit: -1, ...output, ...end });
  await record.close();
  const cancel = async (order: Partial<CancelOrder> = {}, controller = fleet.controller) =>
    await cancelRun(
      controller,
      CALLER,
      { reqid: REQID, hosts: [], grace: 5, ...order },
      () => undefined,
    );
  const dispose = async () => {
    await peer[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  };
  return { fleet, calls, cancel, [Symbol.asyncDispose]: dispose };
}

const DONE = { host: "db-01", status: "not-running", left: 0 };

test.each([
  [{ status: "ended", left: 0 }, "ended"],
  [{ status: "running", left: 2 }, "running"],
  // What could not be ended still runs, whatever the agent calls it.
  [{ status: "ended", left: 2 }, "running"],
  [{ status: "not-running", left: 0 }, "not-running"],
] as const)("the agent of a host that may still run it is asked: %j", async (told, status) => {
  await using stage = await stageOf((call) => call.json(told));
  expect(await stage.cancel()).toEqual([{ host: "web-01", ...told, status }, DONE] as never);
  const body = { reqid: REQID, grace: 5, username: "tester" };
  // Then it is asked how it ended.
  expect(stage.calls.map(({ what, body }) => [what, body])).toEqual([
    ["POST /cancel", body],
    [`GET /result/${REQID}`, {}],
  ]);
  expect(stage.fleet.log.of("cancel")).toMatchObject([
    { level: "info", fields: { COUNT: told.left, STATUS: status, USER: "tester" } },
  ]);
});

test.each([
  ["an agent before 1.1", "404 Not Found", { error: "not found" }, "is older than 1.1 and cannot"],
  ["a refusal", "403 Forbidden", { error: "certificate revoked" }, "certificate revoked"],
  ["something else", "200 OK", { status: "maybe" }, "answered with status 200"],
] as const)("%s has not cancelled", async (_, status, body, error) => {
  await using stage = await stageOf((call) => call.json(body, status));
  expect(await stage.cancel({ hosts: ["web-01"] })).toEqual([
    { host: "web-01", status: "failed", left: 0, error: expect.stringContaining(error) },
  ]);
  expect(stage.fleet.log.of("cancel")).toMatchObject([{ level: "err" }]);
});

test.each([
  [
    { status: "withdrawn", known_for: 3600 },
    { status: "will-not-start", left: 0 },
  ],
  [
    { status: "withdrawn", known_for: 0 },
    { status: "failed", left: 0, error: expect.stringContaining("may have forgotten") },
  ],
  [{ status: "known" }, { status: "failed", left: 0, error: expect.stringContaining("again") }],
  [
    { status: "something" },
    { status: "failed", left: 0, error: expect.stringContaining("says nothing else") },
  ],
] as const)("a run that has not come to its agent is withdrawn: %j", async (says, told) => {
  await using stage = await stageOf((call) => {
    if (call.what === "POST /withdraw") call.json(says);
    else call.json({ error: "no such run" }, "404 Not Found");
  });
  expect(await stage.cancel({ hosts: ["web-01"] })).toEqual([{ host: "web-01", ...told }]);
  expect(stage.calls.slice(0, 2).map(({ what, body }) => [what, body])).toEqual([
    ["POST /cancel", { reqid: REQID, grace: 5, username: "tester" }],
    ["POST /withdraw", { reqid: REQID, username: CALLER.username }],
  ]);
});

test.each([
  [{ status: "ended", left: 0 }, "200 OK", { status: "ended", left: 0 }],
  [
    { error: "no such run" },
    "404 Not Found",
    { status: "failed", left: 0, error: expect.stringContaining("may have forgotten") },
  ],
] as const)(
  "a run that is lost may still run, so its agent is asked: %j",
  async (says, status, told) => {
    await using stage = await stageOf((call) => {
      if (call.what === "POST /withdraw") call.json({ status: "withdrawn", known_for: 0 });
      else call.json(says, status);
    }, LOST);
    expect(await stage.cancel({ hosts: ["web-01"] })).toEqual([
      { host: "web-01", ...told, lost: true },
    ]);
  },
);

test("what cannot be cancelled, or is recorded by a living process, is not asked how it ended", async () => {
  await using stage = await stageOf((call) => call.json({ error: "denied" }, "403 Forbidden"));
  const failed = { host: "web-01", status: "failed", left: 0, error: "denied" };
  expect(await stage.cancel({ hosts: ["web-01"] })).toEqual([failed as never]);
  expect(stage.calls.map(({ what }) => what)).toEqual(["POST /cancel"]);
  expect(stage.fleet.log.of("cancel").map(({ fields }) => fields)).toEqual([
    { ERROR: "denied", REQID, TARGET: expect.stringMatching(/^web-01:\d+$/), USER: "tester" },
  ]);
  await using living = await stageOf((call) => call.json({ status: "ended", left: 0 }));
  const file = living.fleet.folder.join("control", "state", "runs", `${REQID}.json`);
  const record = JSON.parse(readFileSync(file, "utf8"));
  const open = { complete: false, completed: null, writer: identify(process.pid) };
  writeFileSync(file, JSON.stringify({ ...record, ...open }));
  expect(await living.cancel({ hosts: ["web-01"] })).toMatchObject([{ status: "ended" }]);
  expect(living.calls.map(({ what }) => what)).toEqual(["POST /cancel"]);
});

test("of the hosts that are named each is reported as it answers, in the run's order at the end", async () => {
  await using stage = await stageOf((call) => call.json({ status: "ended", left: 0 }));
  const heard: string[] = [];
  const order = { reqid: REQID, hosts: ["db-01", "web-01"], grace: 5 };
  const { controller } = stage.fleet;
  const results = await cancelRun(controller, CALLER, order, ({ host }) => void heard.push(host));
  expect(results.map(({ host }) => host)).toEqual(["web-01", "db-01"]);
  expect(heard).toEqual(["db-01", "web-01"]);
  expect(await stage.cancel({ hosts: ["db-01"] })).toEqual([DONE as never]);
  const unknown = { ...order, reqid: "00000000000000ff" };
  await expect(cancelRun(controller, CALLER, unknown, () => undefined)).rejects.toThrow(
    "no such run",
  );
});

test("the agent has the grace and more to answer, however short read_timeout is", async () => {
  await using stage = await stageOf((call) => {
    setTimeout(
      () => call.json({ status: "ended", left: 0 }),
      call.what === "POST /cancel" ? 400 : 0,
    );
  });
  const { controller } = stage.fleet;
  const hasty = { ...controller, config: { ...controller.config, read_timeout: 0.1 } };
  expect(await stage.cancel({ hosts: ["web-01"], grace: 0 }, hasty)).toMatchObject([
    { status: "ended" },
  ]);
});

test("T25 the hook is asked with a word of its own, before anything is said or done", async () => {
  await using stage = await stageOf((call) => call.json({ status: "ended", left: 0 }));
  const hook = stage.fleet.folder.script("hook", 'test "$ENVEXEC_ACTION" != cancel');
  const { controller } = stage.fleet;
  const guarded = { ...controller, config: { ...controller.config, auth_hook: hook } };
  await expect(stage.cancel({}, guarded)).rejects.toMatchObject({ code: "denied" });
  expect(stage.calls).toEqual([]);
});

test("a host that was not asked is refused, and nobody is asked", async () => {
  await using stage = await stageOf(() => undefined);
  const wrong = stage.cancel({ hosts: ["web-01", "web-02"] });
  await expect(wrong).rejects.toMatchObject({
    code: "bad-request",
    hint: "Its hosts: web-01, db-01",
  });
  expect(stage.calls).toEqual([]);
});

test.each([{ cancelled: true }, { timed_out: true }] as const)(
  "what could not be ended of a run that has ended may run on, so its agent is asked: %j",
  async (why) => {
    await using stage = await stageOf((call) => call.json({ status: "running", left: 1 }), {
      ...LEFT,
      ...why,
    });
    const [result] = await stage.cancel({ hosts: ["web-01"] });
    expect(result).toEqual({ host: "web-01", status: "running", left: 1 });
    expect(stage.calls.map(({ what }) => what)).toEqual(["POST /cancel"]);
  },
);

test.each([
  [{ ...LOST, error: `${LOST.error}: it may still run` }, LOST.error],
  [{ ...LEFT, cancelled: true }, LEFT.error],
] as const)("that nothing of it runs any more is in its record: %j", async (end, before) => {
  await using stage = await stageOf((call) => call.json({ status: "not-running", left: 0 }), end);
  const { runs } = stage.fleet.controller.store;
  for (let time = 0; time < 2; time++) {
    expect((await stage.cancel({ hosts: ["web-01"] })).at(0)?.status).toBe("not-running");
    const report = await runs.read(REQID, openReplies(stage.fleet.controller));
    expect(report?.results.at(0)).toMatchObject({
      state: end.state,
      error: `${before}; nothing of it ran any more at ${isoSeconds(stage.fleet.now)}`,
    });
  }
});
