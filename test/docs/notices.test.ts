/** Each kind of notice is explained on every page that lists them, and docs/API.md has an example with its very members. */
import { describe, expect, test } from "bun:test";
import { NOTICE_KINDS, type NoticeNews } from "../../src/core/notices/news.ts";
import { noticeOf } from "../../src/core/notices/notice.ts";
import { summaryOf } from "../../src/core/notices/summary.ts";
import { readDocument } from "../support/documents.ts";

const REQID = "a1b2c3d4e5f60718";

const NEWS: readonly NoticeNews[] = [
  {
    kind: "run-failed",
    reqid: REQID,
    script: "deploy",
    count: 1,
    hosts: [{ host: "web-01", state: "ended", exit: 3, fault: null }],
  },
  { kind: "rollout-stopped", reqid: REQID, script: "deploy", reason: "so", not_asked: 1 },
  {
    kind: "upgrade-failed",
    reqid: REQID,
    release: "1.2.0",
    count: 1,
    hosts: [{ host: "web-01", state: "rolled-back" }],
    reason: "so",
    not_started: 1,
  },
  {
    kind: "certificate-ends",
    over: false,
    days: 7,
    count: 1,
    certificates: [{ of: "agent", host: "web-01", expires: "2026-01-21T08:00:00Z" }],
  },
  { kind: "agent-stale", over: false, count: 1, hosts: [{ host: "web-01" }] },
  {
    kind: "lock-held",
    over: false,
    count: 1,
    locks: [{ host: "web-01", script: "deploy", reqid: REQID, since: "2026-01-15T10:59:00Z" }],
  },
  {
    kind: "join-refused",
    count: 1,
    reasons: [{ reason: "expired", count: 1 }],
    hosts: [{ host: "web-09", ip: "192.0.2.9", reason: "expired" }],
  },
];

const examples = readDocument("docs/API.md")
  .split("\n")
  .filter((line) => line.startsWith('{"version":1,"id":'))
  .map((line) => JSON.parse(line));

/** The names of all members, at every depth. */
function members(value: unknown): unknown {
  if (Array.isArray(value)) return [members(value[0])];
  if (typeof value !== "object" || value === null) return "";
  return Object.entries(value).map(([name, inner]) => [name, members(inner)]);
}

test("every kind has one example", () => {
  expect(examples.map(({ kind }) => kind)).toEqual([...NOTICE_KINDS]);
});

describe("the example of a kind", () => {
  test.each(NEWS.map((news) => [news.kind, news] as const))("%s", (kind, news) => {
    const example = examples.find((each) => each.kind === kind);
    const notice = noticeOf(news, { id: "00112233445566ff", time: new Date(0), host: "ctrl-01" });
    expect(members(example)).toEqual(members(notice));
    expect(example.summary).toBe(summaryOf(example));
  });
});

test.each(["docs/OPERATIONS.md", "docs/CONFIGURATION.md", "docs/API.md"])("%s", (file) => {
  const text = readDocument(file);
  for (const kind of NOTICE_KINDS) expect(text).toContain(`\`${kind}\``);
});
