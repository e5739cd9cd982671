import { expect, test } from "bun:test";
import { noticeOf } from "../../../../src/core/notices/notice.ts";
import { type RefusedJoin, RefusedJoins } from "../../../../src/core/notices/refused-joins.ts";

function refused(ip: string, code = "unknown-token", agent?: string): RefusedJoin {
  return {
    event: "join-refuse",
    agent,
    code,
    ip,
    reason: "Cannot read /secret/path",
    token: "t0ken",
  };
}

test("nothing is told when nothing was refused, and nothing twice", () => {
  const joins = new RefusedJoins();
  expect(joins.take()).toEqual([]);
  joins.note(refused("192.0.2.1"));
  expect(joins.take()).toHaveLength(1);
  expect(joins.take()).toEqual([]);
});

test("all of them are counted, by their reasons; alike ones are named once", () => {
  const joins = new RefusedJoins();
  joins.note(refused("192.0.2.1", "name", "web-01"));
  for (let at = 0; at < 3; at++) joins.note(refused("192.0.2.2"));
  const [news] = joins.take();
  expect(news).toEqual({
    kind: "join-refused",
    count: 4,
    reasons: [
      { reason: "unknown-token", count: 3 },
      { reason: "name", count: 1 },
    ],
    hosts: [
      { host: "web-01", ip: "192.0.2.1", reason: "name" },
      { host: null, ip: "192.0.2.2", reason: "unknown-token" },
    ],
  });
});

test("T35 a storm is one notice of bounded length, without a token or the text of an error", () => {
  const joins = new RefusedJoins();
  for (let at = 0; at < 10_000; at++) joins.note(refused(`2001:db8::${at.toString(16)}`));
  const [news, ...more] = joins.take();
  if (news?.kind !== "join-refused") throw new Error("nothing was told");
  expect([news.count, news.hosts.length, more]).toEqual([10_000, 20, []]);
  const text = JSON.stringify(
    noticeOf(news, { id: "00112233445566ff", time: new Date(0), host: "control" }),
  );
  expect(text).toContain("10000 joins refused: 10000 unknown-token");
  for (const secret of ["t0ken", "/secret/path"]) expect(text).not.toContain(secret);
});
