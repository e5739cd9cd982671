import { expect, test } from "bun:test";
import { Tickets } from "../../../src/core/tickets.ts";

const counted = () => {
  let count = 0;
  return () => `t${++count}`;
};

test("T44 a ticket counts once, and only in its time", () => {
  const tickets = new Tickets<string>(100, 10, counted());
  const first = tickets.issue("a", 0) ?? "";
  const second = tickets.issue("b", 50) ?? "";
  expect(tickets.redeem(first, 99)).toBe("a");
  expect(tickets.redeem(first, 99), "used").toBeUndefined();
  expect(tickets.redeem(second, 150), "late").toBeUndefined();
  expect(tickets.redeem(second, 50), "that used it up").toBeUndefined();
  expect(tickets.redeem("guessed", 0)).toBeUndefined();
  const third = tickets.issue("c", 200) ?? "";
  tickets.withdraw(third);
  expect(tickets.redeem(third, 200), "withdrawn").toBeUndefined();
});

test("T44 only so many are out at once; those whose time is over make room", () => {
  const tickets = new Tickets<number>(100, 2, counted());
  expect([tickets.issue(1, 0), tickets.issue(2, 50), tickets.issue(3, 60)]).toEqual([
    "t1",
    "t2",
    undefined,
  ]);
  expect(tickets.issue(4, 100)).toBe("t3");
  expect(tickets.size).toBe(2);
});
