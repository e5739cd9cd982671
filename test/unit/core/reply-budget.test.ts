import { expect, test } from "bun:test";
import { ReplyBudget } from "../../../src/core/reply-budget.ts";

/** What of each reply is not counted. */
const FREE = 16_384;

test("replies are counted together, and what is dropped makes room for others", () => {
  const account = new ReplyBudget(1000).open();
  const [one, two] = [account.openReply(), account.openReply()];
  expect(one.hold(FREE + 600)).toBe(true);
  expect(two.hold(FREE + 300)).toBe(true);
  expect(two.hold(FREE + 301)).toBe(false);
  one.giveBack();
  expect(two.hold(FREE + 750)).toBe(true);
  expect(two.hold(FREE + 751)).toBe(false);
  // What has shrunk while it was read gives back.
  expect(two.hold(FREE + 100)).toBe(true);
  expect(one.hold(FREE + 600)).toBe(true);
});

test("T69 however many flood, and however much each has, others have room", () => {
  const max = 2 ** 30;
  const account = new ReplyBudget(max).open();
  const floods = Array.from({ length: 50 }, () => ({ reply: account.openReply(), held: 0 }));
  for (let full = false; !full; ) {
    full = true;
    for (const flood of floods) {
      if (!flood.reply.hold(FREE + flood.held + 65_536)) continue;
      flood.held += 65_536;
      full = false;
    }
  }
  const held = floods.reduce((sum, flood) => sum + flood.held, 0);
  expect(held).toBeGreaterThan(0.9 * max);
  expect(held).toBeLessThan(max);
  expect(account.openReply().hold(4 * 2 ** 20)).toBe(true);
});

test("short replies pass however little is left", () => {
  const account = new ReplyBudget(10).open();
  expect(account.openReply().hold(FREE + 7)).toBe(true);
  for (let host = 0; host < 100; host++) {
    const reply = account.openReply();
    for (let piece = 1; piece <= 16; piece++) expect(reply.hold((piece * FREE) / 16)).toBe(true);
    expect(reply.hold(FREE + 4)).toBe(false);
  }
});

test("an account that is closed gives back once, and takes nothing more", () => {
  const budget = new ReplyBudget(1000);
  const [first, second] = [budget.open(), budget.open()];
  const reply = first.openReply();
  expect(reply.hold(FREE + 750)).toBe(true);
  const other = second.openReply();
  expect(other.hold(FREE + 250)).toBe(false);
  first.close();
  first.close();
  reply.giveBack();
  expect(reply.hold(FREE + 1)).toBe(false);
  expect(second.openReply().hold(FREE + 750)).toBe(true);
  expect(second.openReply().hold(FREE + 251)).toBe(false);
});

test("a bound that is set again counts from the next byte on", () => {
  const budget = new ReplyBudget(0);
  const reply = budget.open().openReply();
  expect(reply.hold(FREE + 1)).toBe(false);
  budget.max = 100;
  expect(reply.hold(FREE + 75)).toBe(true);
});
