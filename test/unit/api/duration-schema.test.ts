import { expect, test } from "bun:test";
import { duration } from "../../../src/api/duration-schema.ts";
import * as schemas from "../../../src/api/schemas.ts";
import { tokenRequest } from "../../../src/api/token-schemas.ts";

const schema = duration(1, 3600);

test.each<[string | number, number]>([
  [1, 1],
  [3600, 3600],
  ["90", 90],
  ["90s", 90],
  ["15m", 900],
  ["1h", 3600],
])("%j", (value, seconds) => {
  expect(schema.parse(value)).toBe(seconds);
});

test.each([0, 3601, 1.5, -1, "0", "2h", "soon", "", "1h30m", null, true, {}])(
  "%j is refused, with the form",
  (value) => {
    expect(schema.safeParse(value).error?.issues).toEqual([
      expect.objectContaining({
        message: "expected 1 to 3600 seconds, or text such as 90s, 15m, 2h or 7d",
      }),
    ]);
  },
);

test("every length of time in a request is one", () => {
  const hosts = ["web-01"];
  expect(schemas.runRequest.parse({ hosts, script: "x", timeout: "15m" }).timeout).toBe(900);
  const rollout = { batch: [1], pause: "30s" };
  expect(schemas.runRequest.parse({ hosts, script: "x", rollout }).rollout?.pause).toBe(30);
  expect(schemas.cancelRequest.parse({ grace: "1m" }).grace).toBe(60);
  expect(schemas.cancelRequest.parse({}).grace).toBe(10);
  expect(tokenRequest.parse({ ttl: "7d" }).ttl).toBe(604_800);
  expect(tokenRequest.parse({}).ttl).toBe(3600);
});
