/** The id that carries how far an event stream has come, and comes back from anybody. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  eventId,
  type HostPosition,
  type RunPosition,
  readEventId,
  startOf,
} from "../../../src/api/event-id.ts";

const WAITING: HostPosition = { kind: "waiting" };
const begun = (stdout: number, stderr: number): HostPosition => ({
  kind: "begun",
  next: { stdout, stderr },
});
const ended = (outcome: "ok" | "failed" | "never-ran" | "lost"): HostPosition => ({
  kind: "ended",
  outcome,
});
const run = (...hosts: HostPosition[]): RunPosition => ({ hosts, told: 0, over: false });
const over = (hosts: number): RunPosition => ({ ...startOf(hosts), over: true });
const countsOf = (runs: readonly RunPosition[]) => runs.map(({ hosts }) => hosts.length);

describe("says where each host is", () => {
  test.each<[string, RunPosition[]]>([
    ["W", [run(WAITING, WAITING)]],
    ["R0-0", [run(begun(0, 0))]],
    ["R4-zz", [run(begun(4, 35 * 36 + 35), WAITING, WAITING)]],
    ["O", [run(ended("ok"))]],
    [
      "O3FNL2",
      [
        run(
          ...["ok", "ok", "ok", "failed", "never-ran", "lost", "lost"].map((word) =>
            ended(word as "ok"),
          ),
        ),
      ],
    ],
    [
      "W2OW2R1-0R1-0",
      [run(WAITING, WAITING, ended("ok"), WAITING, WAITING, begun(1, 0), begun(1, 0))],
    ],
    ["S", [over(5)]],
    ["R1-2_S_", [run(begun(1, 2)), over(2), run(WAITING)]],
  ])("%p", (id, runs) => {
    expect(eventId(runs)).toBe(id);
    expect(readEventId(id, countsOf(runs))).toEqual(runs);
  });

  const offset = fc.integer({ min: 0, max: 2 ** 31 }).map((half) => half * 2 ** 20);
  const host = fc.oneof(
    fc.constant(WAITING),
    fc.tuple(offset, offset).map(([out, err]) => begun(out, err)),
    fc
      .constantFrom("ok", "failed", "cancelled", "never-ran", "lost")
      .map((word) => ended(word as "ok")),
  );
  const runs = fc.array(
    fc.oneof(
      fc.array(host, { minLength: 1, maxLength: 12 }).map((hosts) => run(...hosts)),
      fc.integer({ min: 1, max: 3 }).map(over),
    ),
    { minLength: 1, maxLength: 4 },
  );

  test("any position comes back as it was", () => {
    fc.assert(
      fc.property(runs, (positions) => {
        const id = eventId(positions);
        expect(id).toMatch(/^[\x21-\x7e]*$/);
        expect(readEventId(id, countsOf(positions))).toEqual(positions);
      }),
      { numRuns: 2000 },
    );
  });

  test("500 hosts, 64 of them under way, are some hundred characters", () => {
    const hosts = Array.from({ length: 500 }, (_, n) =>
      n < 200 ? ended("ok") : n < 264 ? begun(123_456, 7) : WAITING,
    );
    expect(eventId([run(...hosts)]).length).toBeLessThan(600);
  });
});

describe("T21 anything else is none, and costs nothing", () => {
  test.each([
    ...["R", "R1", "R1-", "R-1", "r1-2", "R1-2-3", "R1_2", "R 1-2", "R1-2 ", "R1.5-2", "R+1-2"],
    ...[
      "X",
      "SS",
      "SO",
      "OS",
      "O0",
      "O01",
      "O3",
      "OO",
      "W2",
      "W999999",
      "O1000000",
      "1",
      "-",
      "\n",
    ],
    ...[
      "R1-2R",
      "R1-2O",
      "Rzzzzzzzzzzz-0",
      "R0-zzzzzzzzzzz",
      "Rzzzzzzzzzzzz-0",
      "__",
      "_",
      "O_",
      "é",
    ],
    "R0-0".repeat(3000),
    "O".repeat(100_000),
  ])("%p of one host", (id) => {
    expect(readEventId(id, [1])).toBeUndefined();
  });

  test("whatever comes: a position of these hosts, or none", () => {
    const piece = fc.constantFrom(
      ..."WOFNLSR_-0123456789az".split(""),
      "W99999",
      "R1-1",
      "\0",
      "💥",
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join("")),
      fc.string({ unit: "binary", maxLength: 60 }),
    );
    const counts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(text, counts, (id, hosts) => {
        const read = readEventId(id, hosts);
        if (read === undefined) return;
        expect(countsOf(read)).toEqual(hosts);
        for (const each of read.flatMap(({ hosts: all }) => all)) {
          if (each.kind !== "begun") continue;
          expect(Number.isSafeInteger(each.next.stdout + each.next.stderr)).toBe(true);
        }
        // What it says is what we would have said.
        expect(readEventId(eventId(read), hosts)).toEqual(read);
      }),
      { numRuns: 20_000 },
    );
  });
});

test("how many messages about batches were said comes first, and is read back", () => {
  const position = { ...run(begun(1, 2)), told: 12 };
  expect(eventId([position])).toBe("B12R1-2");
  expect(readEventId("B12R1-2", [1])).toEqual([position]);
  expect(readEventId("B3_B4O", [1, 1])?.map(({ told }) => told)).toEqual([3, 4]);
  for (const wrong of ["B", "B0", "B-1", "B1234567O", "OB1"]) {
    expect([wrong, readEventId(wrong, [1])]).toEqual([wrong, undefined]);
  }
});
