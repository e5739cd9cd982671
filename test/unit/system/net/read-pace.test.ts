import { expect, test } from "bun:test";
import type { Connection } from "../../../../src/system/net/connection.ts";
import { ReadPace } from "../../../../src/system/net/read-pace.ts";

class Peer {
  closed = false;
  readonly calls: string[] = [];
  pause = () => void this.calls.push("pause");
  resume = () => void this.calls.push("resume");
}

const MIB = 2 ** 20;
const turn = () => new Promise(setImmediate);

function paced(...peers: readonly Peer[]) {
  const pace = new ReadPace();
  for (const peer of peers) pace.enter(peer as unknown as Connection);
  return { pace, leave: (peer: Peer) => pace.leave(peer as unknown as Connection) };
}

test("T69 when much was read in a turn, all wait for the next one", async () => {
  const [one, other, closed] = [new Peer(), new Peer(), new Peer()];
  const { pace } = paced(one, other, closed);
  pace.took(MIB - 1);
  expect(one.calls).toEqual([]);
  pace.took(1);
  pace.took(MIB);
  expect([one.calls, other.calls]).toEqual([["pause"], ["pause"]]);
  closed.closed = true;
  await turn();
  expect([one.calls, other.calls, closed.calls]).toEqual([
    ["pause", "resume"],
    ["pause", "resume"],
    ["pause"],
  ]);
  // The next turn has all its bytes again.
  pace.took(MIB - 1);
  await turn();
  pace.took(MIB - 1);
  expect(one.calls).toHaveLength(2);
});

test("who leaves while all wait goes on by itself, unless it is closed", async () => {
  const [leaving, closed, staying] = [new Peer(), new Peer(), new Peer()];
  const { pace, leave } = paced(leaving, closed, staying);
  leave(staying);
  expect(staying.calls).toEqual([]);
  pace.took(MIB);
  closed.closed = true;
  leave(leaving);
  leave(closed);
  expect([leaving.calls, closed.calls]).toEqual([["pause", "resume"], ["pause"]]);
  await turn();
  expect([leaving.calls, closed.calls, staying.calls]).toEqual([
    ["pause", "resume"],
    ["pause"],
    [],
  ]);
});
