/** What is told of the events, and what never is. */
import { expect, test } from "bun:test";
import type { ControlEvent } from "../../../../src/core/events.ts";
import { isToldOf, newsOf } from "../../../../src/core/notices/events-told.ts";
import { noticeOf } from "../../../../src/core/notices/notice.ts";

const REQID = "0123456789abcdef";

function failed(target: string, more: object = {}): ControlEvent {
  return {
    event: "run-fail",
    reqid: REQID,
    script: "deploy",
    host: target.replace(/:\d+$/, ""),
    target,
    state: "never-ran",
    error: "Cannot run deploy: PASSWORD=hunter2",
    ...more,
  };
}

const EXIT_3: ControlEvent = {
  event: "run",
  reqid: REQID,
  script: "deploy",
  host: "web-02",
  target: "web-02:27505",
  exit: 3,
};
const STOPPED: ControlEvent = {
  event: "rollout-stop",
  reqid: REQID,
  script: "deploy",
  reason: "after batch 1 of 3: 2 hosts failed",
  count: 40,
};
const FACTS = { id: "00112233445566ff", time: new Date(0), host: "control" };

test("failures and stopped rollouts are told; a run that went well, and other events, are not", () => {
  expect([failed("web-01"), EXIT_3, STOPPED].map(isToldOf)).toEqual([true, true, true]);
  expect(isToldOf({ ...EXIT_3, exit: 0 })).toBe(false);
  expect(isToldOf({ event: "api-stop" })).toBe(false);
  expect(newsOf([{ ...EXIT_3, exit: 0 }, { event: "api-stop" }])).toEqual([]);
});

test("the hosts of one run are told together, those of another apart", () => {
  const other = failed("db-01", { reqid: "fedcba9876543210", fault: "timeout" });
  expect(newsOf([failed("web-01"), other, EXIT_3])).toEqual([
    {
      kind: "run-failed",
      reqid: REQID,
      script: "deploy",
      count: 2,
      hosts: [
        { host: "web-01", state: "never-ran", exit: null, fault: null },
        { host: "web-02", state: "ended", exit: 3, fault: null },
      ],
    },
    {
      kind: "run-failed",
      reqid: "fedcba9876543210",
      script: "deploy",
      count: 1,
      hosts: [{ host: "db-01", state: "never-ran", exit: null, fault: "timeout" }],
    },
  ]);
});

const UPGRADE = { reqid: REQID, release: "1.2.0" } as const;

function notUpgraded(host: string, status: string): ControlEvent {
  const error = "the agent did not start: PASSWORD=hunter2";
  return { event: "upgrade-fail", ...UPGRADE, host, target: `${host}:27505`, status, error };
}

test("hosts that were not upgraded are told together, and that it stopped with them", () => {
  const stop: ControlEvent = { event: "upgrade-stop", ...UPGRADE, reason: "2 failed", count: 40 };
  const events = [notUpgraded("web-01", "rolled-back"), notUpgraded("web-02", "unknown"), stop];
  expect(events.map(isToldOf)).toEqual([true, true, true]);
  const at = { host: "web-01", target: "web-01:7443" };
  expect(isToldOf({ event: "upgrade", ...UPGRADE, from: "1.1.0", ...at })).toBe(false);
  const whole = { kind: "upgrade-failed", ...UPGRADE } as const;
  const hosts = [
    { host: "web-01", state: "rolled-back" },
    { host: "web-02", state: "unknown" },
  ];
  const both = { ...whole, count: 2, hosts, reason: "2 failed", not_started: 40 };
  expect(newsOf(events)).toEqual([both]);
  expect(newsOf(events.slice(0, 2))).toEqual([{ ...both, reason: null, not_started: 0 }]);
  expect(newsOf([stop])).toEqual([{ ...both, count: 0, hosts: [] }]);
  expect(JSON.stringify(newsOf(events))).not.toContain("hunter2");
});

test("T35 the text of an error, which may have anything in it, is not told", () => {
  const [news] = newsOf([failed("web-01")]);
  if (news === undefined) throw new Error("nothing was told");
  expect(JSON.stringify(noticeOf(news, FACTS))).not.toContain("hunter2");
});

test("T35 however many hosts fail, a notice names twenty of them", () => {
  const [news] = newsOf(Array.from({ length: 5000 }, (_, at) => failed(`web-${at}`)));
  expect(news).toMatchObject({ kind: "run-failed", count: 5000 });
  expect(news?.kind === "run-failed" && news.hosts.length).toBe(20);
});

test("T35 no text in it is longer than 300 characters, or has a second line", () => {
  const [news] = newsOf([{ ...STOPPED, reason: `after\n${"x".repeat(5000)}` }]);
  if (news === undefined) throw new Error("nothing was told");
  const notice = noticeOf(news, FACTS);
  const texts = Object.values(notice).filter((value) => typeof value === "string");
  expect(Math.max(...texts.map((text) => text.length))).toBe(300);
  expect(texts.join("")).not.toContain("\n");
});

test("a notice says its version, id, time and control host, and a sentence for people", () => {
  const [run, rollout] = newsOf([
    failed("web-01"),
    ...["a", "b", "c"].map((name) => failed(name)),
    STOPPED,
  ]).map((news) => noticeOf(news, FACTS));
  expect(rollout).toEqual({
    version: 1,
    id: "00112233445566ff",
    kind: "rollout-stopped",
    time: "1970-01-01T00:00:00.000Z",
    control_host: "control",
    summary:
      "The rollout of deploy stopped after batch 1 of 3: 2 hosts failed; 40 hosts were not asked",
    reqid: REQID,
    script: "deploy",
    reason: "after batch 1 of 3: 2 hosts failed",
    not_asked: 40,
  });
  expect(run?.summary).toBe("deploy failed on 4 hosts: web-01, a, b and 1 more");
});
