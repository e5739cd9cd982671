import { expect, test } from "bun:test";
import { Connections } from "../../../../src/agent/door/connections.ts";

class Fake {
  closed = false;
  idle = false;
  close(): void {
    this.closed = true;
  }
}

function setOf(count: number) {
  const connections = new Connections<Fake>(({ idle }) => idle);
  const all = Array.from({ length: count }, () => new Fake());
  for (const one of all) connections.admit(one, count);
  return { connections, all };
}

test("T19 over the cap the oldest stranger is put out", () => {
  const { connections, all } = setOf(3);
  const late = new Fake();
  expect(connections.admit(late, 3)).toBe(true);
  expect(all.map(({ closed }) => closed)).toEqual([true, false, false]);
  expect(late.closed).toBe(false);
  expect(connections.size).toBe(3);
});

test("who has shown the controller's serial stays; then there is no room", () => {
  const { connections, all } = setOf(2);
  for (const one of all) connections.promote(one);
  expect(connections.admit(new Fake(), 2)).toBe(false);
  expect(all.some(({ closed }) => closed)).toBe(false);
  connections.remove(all[0] as Fake);
  expect(connections.admit(new Fake(), 2)).toBe(true);
});

test("T19 an idle one of the control host's gives way when there is no stranger", () => {
  const { connections, all } = setOf(3);
  const [busy, idle, stranger] = all as [Fake, Fake, Fake];
  for (const one of [busy, idle]) connections.promote(one);
  idle.idle = true;
  expect(connections.admit(new Fake(), 3)).toBe(true);
  expect([busy, idle, stranger].map(({ closed }) => closed)).toEqual([false, false, true]);
  const next = setOf(2);
  const [first, second] = next.all as [Fake, Fake];
  for (const one of next.all) next.connections.promote(one);
  second.idle = true;
  expect(next.connections.admit(new Fake(), 2)).toBe(true);
  expect([first.closed, second.closed]).toEqual([false, true]);
});

test("one that was put out cannot be promoted", () => {
  const { connections, all } = setOf(1);
  connections.admit(new Fake(), 1);
  connections.promote(all[0] as Fake);
  expect(connections.size).toBe(1);
});

test("all are closed but those to be kept", () => {
  const { connections, all } = setOf(3);
  connections.promote(all[2] as Fake);
  connections.closeAll((one) => one === all[1]);
  expect(all.map(({ closed }) => closed)).toEqual([true, false, true]);
});
