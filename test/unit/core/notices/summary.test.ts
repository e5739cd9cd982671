import { expect, test } from "bun:test";
import type { NoticeNews } from "../../../../src/core/notices/news.ts";
import { summaryOf } from "../../../../src/core/notices/summary.ts";

const certificate = (host: string) => ({ of: "agent", host, expires: "x" }) as const;
const OWN = { of: "ca", host: null, expires: "x" } as const;
const LOCK = { host: "web-01", script: "deploy", reqid: null, since: "x" };
const ends = { kind: "certificate-ends", over: false, days: 7, count: 1 } as const;

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
