import { expect, test } from "bun:test";
import { OpenConnections } from "../../../../src/system/net/open-connections.ts";

class Connection {
  open = true;
  destroy(): void {
    this.open = false;
  }
}

test("T19 an address that takes every place loses one to a newcomer, and keeps out only itself", () => {
  const open = new OpenConnections<Connection>(3);
  const busy = new Connection();
  const idle = [new Connection(), new Connection()] as const;
  expect(open.admit(busy, "192.0.2.1", () => false)).toBe(true);
  for (const one of idle) expect(open.admit(one, "192.0.2.1", () => true)).toBe(true);
  expect(open.admit(new Connection(), "192.0.2.1", () => true)).toBe(false);
  expect(open.admit(new Connection(), "192.0.2.2", () => true)).toBe(true);
  // The oldest of those that do nothing.
  expect([busy, ...idle].map((one) => one.open)).toEqual([true, false, true]);
});

test("what is under way stays, and what has gone leaves its place", () => {
  const open = new OpenConnections<Connection>(2);
  const busy = [new Connection(), new Connection()] as const;
  for (const one of busy) open.admit(one, "192.0.2.1", () => false);
  expect(open.admit(new Connection(), "192.0.2.2", () => true)).toBe(false);
  open.remove(busy[0]);
  expect(open.admit(new Connection(), "192.0.2.2", () => true)).toBe(true);
  open.closeAll();
  expect(busy.map((one) => one.open)).toEqual([true, false]);
});

test("what has gone makes no room a second time", () => {
  const open = new OpenConnections<Connection>(2);
  const [idle, busy] = [new Connection(), new Connection()];
  open.admit(idle, "192.0.2.1", () => true);
  open.remove(idle);
  open.remove(idle);
  for (const one of [busy, new Connection()]) open.admit(one, "192.0.2.1", () => false);
  expect(open.admit(new Connection(), "192.0.2.2", () => true)).toBe(false);
  expect(idle.open).toBe(true);
});
