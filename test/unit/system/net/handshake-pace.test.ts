import { expect, test } from "bun:test";
import { HandshakePace } from "../../../../src/system/net/handshake-pace.ts";

const loopTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("two of a server begin in a turn of the loop, in the order they came", async () => {
  const pace = new HandshakePace();
  const begun: number[] = [];
  const come = (n: number) => void pace.turn("server").then(() => begun.push(n));
  for (let n = 1; n <= 5; n++) come(n);
  await Promise.resolve();
  expect(begun).toEqual([1, 2]);
  await loopTurn();
  expect(begun).toEqual([1, 2, 3, 4]);
  // Who comes later overtakes nobody.
  come(6);
  await loopTurn();
  expect(begun).toEqual([1, 2, 3, 4, 5, 6]);
});

test("who comes one by one does not wait", async () => {
  const pace = new HandshakePace();
  for (let n = 0; n < 5; n++) {
    let begun = false;
    void pace.turn("server").then(() => {
      begun = true;
    });
    await Promise.resolve();
    expect(begun).toBe(true);
    await loopTurn();
  }
});

test("of a client as many begin as are read in a turn, and none overtakes a server's", async () => {
  const pace = new HandshakePace();
  const begun: string[] = [];
  const come = (side: "server" | "client", name: string) => {
    void pace.turn(side).then(() => begun.push(name));
  };
  await pace.turn("server");
  await loopTurn();
  for (const name of ["a", "b", "c", "d"]) come("client", name);
  come("server", "E");
  come("client", "f");
  await Promise.resolve();
  expect(begun).toEqual(["a", "b", "c", "d"]);
  await loopTurn();
  expect(begun).toEqual(["a", "b", "c", "d", "E", "f"]);
});

test("where there are no callers, nobody waits", async () => {
  const pace = new HandshakePace();
  let begun = 0;
  for (let n = 0; n < 20; n++) void pace.turn("client").then(() => begun++);
  await Promise.resolve();
  expect(begun).toBe(20);
});
