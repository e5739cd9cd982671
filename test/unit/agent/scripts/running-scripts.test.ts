import { expect, test } from "bun:test";
import { RunningScripts } from "../../../../src/agent/scripts/running-scripts.ts";

test("T20 as many processes as there are places, and each place is given back once", () => {
  const running = new RunningScripts(2);
  const first = running.takeProcess();
  const second = running.takeProcess();
  expect(running.takeProcess()).toBeUndefined();
  first?.();
  first?.();
  const third = running.takeProcess();
  expect(third).toBeFunction();
  expect(running.takeProcess()).toBeUndefined();
  running.resize(3);
  expect(running.takeProcess()).toBeFunction();
  second?.();
});

test("concurrency counts each script for itself", () => {
  const running = new RunningScripts(10);
  const first = running.takeScript("a", 1);
  expect(running.takeScript("a", 1)).toBeUndefined();
  expect(running.takeScript("b", 1)).toBeFunction();
  first?.();
  first?.();
  const again = running.takeScript("a", 1);
  expect(again).toBeFunction();
  expect(running.takeScript("a", 1)).toBeUndefined();
  expect(running.takeScript("a", 2)).toBeFunction();
  for (let n = 0; n < 100; n++) expect(running.takeScript("c", undefined)).toBeFunction();
});
