import { expect, test } from "bun:test";
import { ReplyBudget } from "../../src/controller/reply-budget.ts";

/** What of each reply is not counted. */
const FREE = 16_384;

test("replies are counted together, and what is dropped makes room for others", () => {
  const account = new ReplyBudget(1000).open();
  const [one, two] = [account.openReply(), account.openReply()];
  expect(one.take(FREE + 600)).toBe(true);
  expect(two.take(FREE + 300)).toBe(true);
  expect(two.take(101)).toBe(false);
  expect(two.take(100)).toBe(true);
  one.giveBack();
  expect(two.take(600)).toBe(true);
  expect(two.take(1)).toBe(false);
});

test("short replies pass however little is left", () => {
  const account = new ReplyBudget(10).open();
  expect(account.openReply().take(FREE + 10)).toBe(true);
  for (let host = 0; host < 100; host++) {
    const reply = account.openReply();
    for (let piece = 0; piece < 16; piece++) expect(reply.take(FREE / 16)).toBe(true);
    expect(reply.take(1)).toBe(false);
  }
});

test("an account that is closed gives back once, and takes nothing more", () => {
  const budget = new ReplyBudget(1000);
  const [first, second] = [budget.open(), budget.open()];
  const reply = first.openReply();
  expect(reply.take(FREE + 1000)).toBe(true);
  const other = second.openReply();
  expect(other.take(FREE + 1)).toBe(false);
  first.close();
  first.close();
  reply.giveBack();
  expect(reply.take(1)).toBe(false);
  expect(second.openReply().take(FREE + 1000)).toBe(true);
  expect(second.openReply().take(FREE + 1)).toBe(false);
});

test("a bound that is set anew counts from the next byte on", () => {
  const budget = new ReplyBudget(0);
  const reply = budget.open().openReply();
  expect(reply.take(FREE + 1)).toBe(false);
  budget.max = 100;
  expect(reply.take(99)).toBe(true);
});
