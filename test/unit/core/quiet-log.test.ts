import { expect, test } from "bun:test";
import { QuietLog } from "../../../src/core/quiet-log.ts";
import { EventLog } from "../../support/event-log.ts";

const EVENT = { event: "ip-block", peer: "192.0.2.1" } as const;

test("T21 a kind of line comes once a minute, then with how many there were", () => {
  const { log, events } = new EventLog("ctrl-exec-agent");
  const quiet = new QuietLog(log);
  const event = (kind: string, now: number) =>
    quiet.event(kind, now, { event: "ip-block", peer: kind });
  event("a", 0);
  event("a", 1);
  event("b", 2);
  event("a", 59_999);
  event("a", 60_000);
  event("a", 120_000);
  expect(events.map(({ fields }) => [fields.PEER, fields.COUNT])).toEqual([
    ["a", undefined],
    ["b", undefined],
    ["a", 3],
    ["a", undefined],
  ]);
});

test("T21 it remembers a thousand kinds", () => {
  let lines = 0;
  const quiet = new QuietLog(() => {
    lines += 1;
  });
  for (let n = 0; n <= 1000; n++) quiet.event(`kind ${n}`, 0, EVENT);
  expect(lines).toBe(1001);
  quiet.event("kind 1000", 1, EVENT);
  expect(lines).toBe(1001);
  quiet.event("kind 0", 1, EVENT);
  expect(lines).toBe(1002);
});
