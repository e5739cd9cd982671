/** T61 many large bodies at once keep nobody waiting. */
import { expect, test } from "bun:test";
import { LargeBodies } from "../../../src/api/large-bodies.ts";

const SMALL = new Uint8Array(65_536);
const LARGE = new Uint8Array(65_537);

const nextTurn = async () => await new Promise(setImmediate);

test("T61 of large bodies one is parsed in each turn of the event loop, and small ones do not wait for them", async () => {
  const bodies = new LargeBodies();
  const parsed: string[] = [];
  const all = ["a", "b", "c"].map((name) => bodies.inTurn(LARGE, () => parsed.push(name)));
  await Promise.resolve();
  const small = bodies.inTurn(SMALL, () => parsed.push("small"));
  await nextTurn();
  expect(parsed.slice(0, 3)).not.toContain("c");
  expect(parsed).toContain("small");
  await Promise.all([...all, small]);
  expect(parsed.filter((name) => name !== "small")).toEqual(["a", "b", "c"]);
});

test("one that cannot be parsed does not keep the others from their turn", async () => {
  const bodies = new LargeBodies();
  const bad = bodies.inTurn(LARGE, () => {
    throw new Error("not JSON");
  });
  const good = bodies.inTurn(LARGE, () => "parsed");
  await expect(bad).rejects.toThrow("not JSON");
  expect(await good).toBe("parsed");
});
