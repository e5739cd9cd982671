/** The line of progress on a terminal: what it costs to erase it. */
import { expect, jest, test } from "bun:test";
import { Progress } from "../../../../src/cli/render/progress.ts";
import { KeptIo } from "../../../support/kept-io.ts";

test("a terminal has room for the ^C of who interrupts it: the line stays one", () => {
  const kept = new KeptIo({ errIsTerminal: true, columns: 40 });
  const hosts = Array.from(
    { length: 40 },
    (_, at) => `host-with-a-name-${at % 7}.example.com-${at}`,
  );
  jest.useFakeTimers();
  const progress = new Progress(kept.io, hosts.length, hosts);
  try {
    progress.begin({ batch: 1, of: 4, hosts: hosts.slice(0, 10) });
    jest.advanceTimersByTime(2000);
  } finally {
    progress.end();
    jest.useRealTimers();
  }
  const lines = kept.err.split("\r\u001b[K").filter((line) => line !== "");
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(`${line}^C`.length).toBeLessThan(40);
});
