import { expect, test } from "bun:test";
import type { NoticeNews } from "../../../../src/core/notices/news.ts";
import { summaryOf } from "../../../../src/core/notices/summary.ts";

const certificate = (host: string) => ({ of: "agent", host, expires: "x" }) as const;
const OWN = { of: "ca", host: null, expires: "x" } as const;
const LOCK = { host: "web-01", script: "deploy", reqid: null, since: "x" };
const ends = { kind: "certificate-ends", over: false, days: 7, count: 1 } as const;

const rolledBack = (host: string) => ({ host, state: "rolled-back" });
const FAILED_UPGRADE = {
  ...({ kind: "upgrade-failed", reqid: "x", release: "1.2.0" } as const),
  ...{ count: 4, hosts: ["a", "b", "c"].map(rolledBack), reason: null, not_started: 0 },
};

const CASES: [NoticeNews, string][] = [
  [
    { ...ends, certificates: [certificate("web-01")] },
    "The certificate of web-01 ends within 7 days",
  ],
  [{ ...ends, days: 1, certificates: [OWN] }, "The certificate of the CA ends within 1 day"],
  [
    { ...ends, days: 0, count: 5, certificates: ["a", "b", "c", "d"].map(certificate) },
    "The certificates of a, b, c and 2 more have expired",
  ],
  [
    { ...ends, over: true, days: 0, certificates: [certificate("web-01")] },
    "About to end no longer: the certificate of web-01",
  ],
  [
    { kind: "agent-stale", over: false, count: 1, hosts: [{ host: "web-01" }] },
    "web-01 missed this host's new certificate and must be paired again",
  ],
  [{ kind: "agent-stale", over: true, count: 1, hosts: [{ host: "a" }] }, "Stale no longer: a"],
  [
    { kind: "lock-held", over: false, count: 1, locks: [LOCK] },
    "1 lock held for too long: web-01:deploy",
  ],
  [{ kind: "lock-held", over: true, count: 1, locks: [LOCK] }, "Free again: web-01:deploy"],
  [
    FAILED_UPGRADE,
    "The upgrade to 1.2.0 failed on 4 hosts: a (rolled-back), b (rolled-back), c (rolled-back) and 1 more",
  ],
  [
    { ...FAILED_UPGRADE, count: 0, hosts: [], reason: "1 of 3 hosts have failed", not_started: 1 },
    "The upgrade to 1.2.0 stopped: 1 of 3 hosts have failed; 1 host was not started",
  ],
  [
    {
      kind: "join-refused",
      count: 12,
      reasons: [
        { reason: "network", count: 11 },
        { reason: "name", count: 1 },
      ],
      hosts: [],
    },
    "12 joins refused: 11 network, 1 name",
  ],
];

test.each(CASES)("%j", (news, summary) => {
  expect(summaryOf(news)).toBe(summary);
});
