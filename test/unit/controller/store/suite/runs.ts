import { expect, jest, test } from "bun:test";
import { runFailed, withoutResult } from "../../../../../src/core/run-result.ts";
import { until } from "../../../../support/folder.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { facts, REQID, ran, read, result } from "./recorded.ts";
import { Stage } from "./stage.ts";

const UNKNOWN = "00000000000000ff";
/** How long a run under way may be silent. */
const LOST_SECONDS = 61;

export function runsSuite(make: MakeStore): void {
  test("nothing is known of a run that was never begun, or of what is no request id", async () => {
    await using stage = await Stage.open(make);
    for (const id of [UNKNOWN, "", "../secret", REQID.toUpperCase()]) {
      expect(await read(stage, id)).toBeUndefined();
      expect(await stage.store.runs.submitterOf(id)).toBeUndefined();
    }
    expect(await stage.store.runs.scriptsSeen([])).toEqual([]);
    expect(await stage.store.runs.wasUsed()).toBe(false);
    expect(await stage.store.runs.purge()).toBe(0);
  });

  test("T17 nothing is begun under what is no request id", async () => {
    await using stage = await Stage.open(make);
    const begin = stage.store.runs.begin(facts({ reqid: "../secret" }), false);
    await expect(begin).rejects.toMatchObject({ code: "bad-request" });
  });

  for (const durable of [false, true]) {
    test(`a run is read from its beginning on${durable ? ", when it must last too" : ""}`, async () => {
      await using stage = await Stage.open(make);
      const record = await stage.store.runs.begin(facts(), durable);
      expect(await record.stored).toBe(true);
      expect(await stage.store.runs.wasUsed()).toBe(true);
      const begun = {
        reqid: REQID,
        script: "deploy",
        hosts: ["web-01", "web-02"],
        results: [],
        pending: ["web-01", "web-02"],
        complete: false,
        submitter: "alice",
        started: expect.stringMatching(/^\d{4}-/),
        completed: null,
      };
      expect(await read(stage)).toEqual(begun);
      expect(await stage.store.runs.submitterOf(REQID)).toBe("alice");
      record.add(result("web-02"));
      const isThere = async () => (await read(stage))?.results.length === 1;
      await until("the result is there before the end", isThere);
      expect(await read(stage)).toEqual({
        ...begun,
        results: [result("web-02")],
        pending: ["web-01"],
      });
      record.add(result("web-01"));
      expect(await record.close()).toBe(true);
      expect(await read(stage)).toEqual({
        ...begun,
        results: [result("web-01"), result("web-02")],
        pending: [],
        complete: true,
        completed: expect.stringMatching(/^\d{4}-/),
      });
      expect(await stage.store.runs.submitterOf(REQID)).toBe("alice");
    });
  }

  test("a result has every member, and every character of a long output", async () => {
    await using stage = await Stage.open(make);
    const killed = result("web-01", {
      exit: 126,
      error: "script timed out after 1s and was ended",
      stdout: 'é\n"\\\u0001\u0000😀'.repeat(50_000),
      stderr_b64: "/g==",
      signal: "SIGTERM",
      timed_out: true,
      stdout_dropped: 1,
      stderr_dropped: 2,
    });
    const run = { script: "deploy", reqid: REQID };
    const refused = withoutResult(run, "web-02", "", { state: "never-ran", error: "refused" });
    expect(await ran(stage, facts(), killed, refused)).toBe(true);
    expect((await read(stage))?.results).toEqual([killed, refused]);
  });

  test("what comes after the end is too late", async () => {
    await using stage = await Stage.open(make);
    const record = await stage.store.runs.begin(facts({ hosts: ["web-01"] }), false);
    record.add(result("web-01"));
    await record.close();
    const before = await read(stage);
    record.add(result("web-01", { exit: 1 }));
    expect(await record.close()).toBe(true);
    expect(await read(stage)).toEqual(before!);
  });

  test("a host without a result at the end did not succeed", async () => {
    await using stage = await Stage.open(make);
    await ran(stage, facts(), result("web-01"));
    const found = await read(stage);
    expect(found).toMatchObject({ complete: true, pending: [] });
    const missing = found?.results.find(({ host }) => host === "web-02");
    expect(missing).toMatchObject({ state: "unknown", error: expect.any(String) });
    expect(runFailed(missing!)).toBe(true);
  });

  test("to a run that is discarded nothing is added", async () => {
    await using stage = await Stage.open(make);
    const record = await stage.store.runs.begin(facts(), true);
    await record.stored;
    record.discard();
    record.add(result("web-01"));
    await record.close();
    stage.pass(LOST_SECONDS);
    const found = await read(stage);
    expect(found?.results.filter(({ state }) => state === "ended")).toEqual([]);
    expect(found?.pending ?? []).toEqual([]);
  });

  test("what a killed process leaves is a run whose other hosts are unknown", async () => {
    await using stage = await Stage.open(make);
    await using other = stage.another("run", JSON.stringify(facts()));
    await other.says();
    const isThere = async () => (await read(stage))?.results.length === 1;
    await until("the first result is recorded", isThere);
    await other.kill();
    expect(await read(stage)).toMatchObject({ complete: false, pending: ["web-02"] });
    stage.pass(LOST_SECONDS);
    const found = await read(stage);
    expect(found).toMatchObject({
      complete: true,
      pending: [],
      completed: expect.stringMatching(/^\d{4}-/),
      submitter: "alice",
      results: [
        { host: "web-01", state: "never-ran", error: "refused" },
        { host: "web-02", exit: -1, state: "unknown", error: expect.any(String) },
      ],
    });
  });

  test("a run whose process lives is not lost, however long it says nothing", async () => {
    await using stage = await Stage.open(make);
    jest.useFakeTimers();
    try {
      const record = await stage.store.runs.begin(facts(), false);
      await record.stored;
      for (let time = 0; time < 20; time++) {
        jest.advanceTimersByTime(15_000);
        const pending = ["web-01", "web-02"];
        expect(await read(stage)).toMatchObject({ complete: false, pending });
      }
      await record.close();
    } finally {
      jest.useRealTimers();
    }
  });
}
