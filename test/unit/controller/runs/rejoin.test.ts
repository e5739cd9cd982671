/** A run that an earlier process has begun, where a stand-in answers for the agent: it never starts twice. */
import { expect, spyOn, test } from "bun:test";
import { openDialler } from "../../../../src/controller/control-host.ts";
import { type Contact, ContactWatch } from "../../../../src/controller/fleet/contact-watch.ts";
import { forgottenOn, type MaySend, rejoinRun } from "../../../../src/controller/runs/rejoin.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

const REQID = "0123456789abcdef";
const RUN = { reqid: REQID, script: "deploy" };

/** @param answers by what was asked, one after the other; the last one stays */
async function rejoined(
  answers: Readonly<Record<string, ((call: StreamedCall) => void)[]>>,
  may: MaySend = "send",
  { agoMs = 60_000, signal = new AbortController().signal } = {},
) {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const calls: string[] = [];
  await using peer = await streamingPeer(agent, (call) => {
    calls.push(call.what);
    const [next, ...more] = answers[call.what] ?? [];
    if (more.length > 0) answers[call.what]?.shift();
    next?.(call);
  });
  const [target] = await fleet.targets(["web-01"], peer.port);
  if (target === undefined) throw new Error("there is no target");
  const dialler = { ...(await openDialler(fleet.controller)), now: () => new Date() };
  const contacts: Contact[] = [];
  using contact = new ContactWatch((news) => contacts.push(news), { silence: 60_000, break: 0 });
  const following = { reqid: REQID, onEvent: () => undefined, contact };
  const rejoin = {
    begun: new Date(Date.now() - agoMs),
    signal,
    maySend: async () => {
      calls.push("may it be sent?");
      return may;
    },
  };
  const followed = await rejoinRun(dialler, target, RUN, following, rejoin);
  const lost = forgottenOn(RUN, followed.outcome);
  return { calls, kind: followed.kind, lost, ...(contacts.length === 0 ? {} : { contacts }) };
}

const ends = (call: StreamedCall) => {
  call.begin();
  call.end();
};
const knowsNone = (known_for: number) => (call: StreamedCall) =>
  call.json({ error: "no such run", known_for }, "404 Not Found");

test("one that goes on is followed", async () => {
  expect(await rejoined({ "POST /follow": [ends] })).toEqual({
    ...{ calls: ["POST /follow"], kind: "ended", lost: undefined },
  });
});

test("one that never came to an agent which has forgotten none is sent", async () => {
  const told = await rejoined({ "POST /follow": [knowsNone(61)], "POST /run": [ends] });
  expect(told).toEqual({
    ...{ calls: ["POST /follow", "may it be sent?", "POST /run"], kind: "ended", lost: undefined },
  });
});

const withdrawn = (known_for: number) => (call: StreamedCall) =>
  call.json({ status: "withdrawn", known_for });

test("T76 one that must not be sent any more is withdrawn", async () => {
  const answers = { "POST /follow": [knowsNone(61)], "POST /withdraw": [withdrawn(61)] };
  expect(await rejoined(answers, { refused: "Denied" })).toMatchObject({
    calls: ["POST /follow", "may it be sent?", "POST /withdraw"],
    kind: "refused",
  });
});

test("one that must not be sent any more is lost where its agent may have forgotten it", async () => {
  const answers = { "POST /follow": [knowsNone(61)], "POST /withdraw": [withdrawn(59)] };
  expect(await rejoined(answers, { refused: "Denied" })).toMatchObject({
    kind: "answered",
    lost: { host: "web-01", state: "lost" },
  });
});

test("one that must not be sent any more, and came meanwhile, is followed", async () => {
  const known = (call: StreamedCall) => call.json({ status: "known" });
  const answers = { "POST /follow": [knowsNone(61), ends], "POST /withdraw": [known] };
  expect(await rejoined(answers, { refused: "Denied" })).toMatchObject({ kind: "ended" });
});

test("one that another process goes on with is left as it is", async () => {
  expect((await rejoined({ "POST /follow": [knowsNone(61)] }, "leave")).calls).toEqual([
    "POST /follow",
    "may it be sent?",
  ]);
});

test("one whose first request came meanwhile is followed", async () => {
  const used = (call: StreamedCall) => call.json({ error: "reqid already used" }, "403 Forbidden");
  const told = await rejoined({ "POST /follow": [knowsNone(61), ends], "POST /run": [used] });
  expect(told).toEqual({
    calls: ["POST /follow", "may it be sent?", "POST /run", "POST /follow"],
    ...{ kind: "ended", lost: undefined },
  });
});

test("one that its agent refuses is refused, and not lost", async () => {
  const busy = (call: StreamedCall) => call.json({ error: "deploy runs already" }, "409 Conflict");
  const answers = { "POST /follow": [knowsNone(61)], "POST /run": [busy] };
  expect(await rejoined(answers)).toEqual({
    calls: ["POST /follow", "may it be sent?", "POST /run", "POST /follow"],
    ...{ kind: "answered", lost: undefined },
  });
});

test.each([
  ["has been there for too short a time", knowsNone(59)],
  [
    "does not say for how long it has known all",
    (call: StreamedCall) => call.json({ error: "no such run" }, "404 Not Found"),
  ],
])("of an agent that %s it is withdrawn, and lost", async (_, answer) => {
  const told = await rejoined({ "POST /follow": [answer], "POST /withdraw": [withdrawn(0)] });
  expect(told).toMatchObject({
    calls: ["POST /follow", "POST /withdraw"],
    lost: { host: "web-01", state: "lost" },
  });
});

test("an agent that is away for a moment is asked again", async () => {
  const busy = (call: StreamedCall) => call.json({ error: "busy" }, "503 Service Unavailable");
  const told = await rejoined({ "POST /follow": [(call) => call.hangUp(), busy, ends] });
  expect(told.kind).toBe("ended");
  expect(new Set(told.calls)).toEqual(new Set(["POST /follow"]));
});

test("one that seems to have begun in the future, for a clock was put back, is not sent", async () => {
  const answers = { "POST /follow": [knowsNone(61)], "POST /withdraw": [withdrawn(61)] };
  expect(await rejoined(answers, "send", { agoMs: -60_000 })).toMatchObject({
    calls: ["POST /follow", "POST /withdraw"],
    lost: { host: "web-01", state: "lost" },
  });
});

test("a host that is away is not waited for when the rollout was cancelled", async () => {
  const cancelled = new AbortController();
  const away = (call: StreamedCall) => {
    call.hangUp();
    cancelled.abort();
  };
  const { signal } = cancelled;
  expect((await rejoined({ "POST /follow": [away] }, "send", { signal })).kind).toBe("answered");
}, 20_000);

test("a host that stays away is asked again for a minute, not at once, and whoever follows is told", async () => {
  const { now } = performance;
  let passed = 0;
  const clock = spyOn(performance, "now").mockImplementation(() => now.call(performance) + passed);
  const asked: number[] = [];
  const away = (call: StreamedCall) => {
    // The first interval ends within the minute, and the second would not.
    passed = asked.length === 0 ? 30_000 : 59_900;
    asked.push(now.call(performance));
    call.hangUp();
  };
  try {
    const { kind, contacts } = await rejoined({ "POST /follow": [away] });
    expect([kind, contacts?.length]).toEqual(["answered", 1]);
    expect(contacts?.[0]).toMatchObject({ kind: "lost", why: expect.stringContaining("closed") });
  } finally {
    clock.mockRestore();
  }
  const [first = 0, second = 0, ...more] = asked;
  expect(more).toEqual([]);
  expect(second - first).toBeGreaterThanOrEqual(199);
});
