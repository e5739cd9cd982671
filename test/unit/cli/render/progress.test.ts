/** The line of progress on a terminal: what it costs to erase it. */
import { expect, jest, test } from "bun:test";
import { Progress } from "../../../../src/cli/render/progress.ts";
import { KeptIo } from "../../../support/kept-io.ts";

test.each([40, 41, 42, 43, 60, 80])(
  "%i columns have room for the ^C of who interrupts it",
  (columns) => {
    const kept = new KeptIo({ errIsTerminal: true, columns });
    const hosts = Array.from({ length: 40 }, (_, at) => `${at % 7}x${"abcdef"[at % 6]}`);
    jest.useFakeTimers();
    const progress = new Progress(kept.io, hosts.length, hosts);
    try {
      jest.advanceTimersByTime(2000);
    } finally {
      progress.end();
      jest.useRealTimers();
    }
    const lines = kept.err.split("\r\u001b[K").filter((line) => line !== "");
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(`${line}^C`.length).toBeLessThan(columns);
  },
);
