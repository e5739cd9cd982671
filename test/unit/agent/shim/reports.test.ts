import { expect, test } from "bun:test";
import { messagesIn, type ShimMessage } from "../../../../src/agent/jobs/shim-messages.ts";
import { Reports } from "../../../../src/agent/shim/reports.ts";
import type { RunEnding } from "../../../../src/core/run-event.ts";

/** An agent that reads when it is told to. */
class SlowAgent {
  readonly read: string[] = [];
  #unread = "";
  #wake: (() => void) | undefined;

  write(text: string): void {
    this.#unread += text;
  }

  flush(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  async reads(): Promise<void> {
    this.read.push(...this.#unread.split("\n").filter(Boolean));
    this.#unread = "";
    this.#wake?.();
    await new Promise(setImmediate);
  }
}

test("of what grows while the agent does not read, it is told the newest alone", async () => {
  const agent = new SlowAgent();
  const reports = new Reports(agent);
  const kept = { stdout: 0, stderr: 0 };
  reports.send({ kind: "ready" });
  for (kept.stdout = 1; kept.stdout < 1000; kept.stdout += 1) {
    reports.grew("a", () => kept);
    // The first is written now, and is not read.
    await Promise.resolve();
  }
  reports.send({ kind: "stalled", job: "a", bytes: 5 });
  await agent.reads();
  await agent.reads();
  expect(agent.read.map((line) => JSON.parse(line))).toEqual([
    { kind: "ready" },
    { kind: "grew", job: "a", kept: { stdout: 1, stderr: 0 } },
    { kind: "stalled", job: "a", bytes: 5 },
    { kind: "grew", job: "a", kept: { stdout: 1000, stderr: 0 } },
  ]);
});

test("a job that has ended does not grow any more, others do, and all of it is told in one go", async () => {
  const agent = new SlowAgent();
  const reports = new Reports(agent);
  const kept = { stdout: 1, stderr: 0 };
  const ending = { state: "ended", exit: 0 } as RunEnding;
  for (const job of ["a", "b"]) reports.grew(job, () => kept);
  reports.send({ kind: "ended", job: "a", kept, ending });
  await new Promise(setImmediate);
  await agent.reads();
  expect(agent.read.map((line) => JSON.parse(line))).toEqual([
    { kind: "ended", job: "a", kept, ending },
    { kind: "grew", job: "b", kept },
  ]);
});

test("an agent that is gone is told nothing more, and nobody waits for it", async () => {
  let tries = 0;
  const reports = new Reports({
    write() {
      tries += 1;
      throw new Error("EPIPE");
    },
    flush: () => undefined,
  });
  reports.send({ kind: "ready" });
  await new Promise(setImmediate);
  reports.grew("a", () => ({ stdout: 1, stderr: 0 }));
  reports.send({ kind: "ready" });
  await new Promise(setImmediate);
  expect(tries).toBe(1);
});

test.each([1, 2, 3, 1000])("messages are read from pieces of %d bytes", async (size) => {
  const sent: ShimMessage[] = [
    { kind: "ready" },
    { kind: "not-started", job: "é\n☃", code: "ENOENT", mayHaveRun: false },
  ];
  const bytes = Buffer.from(sent.map((message) => `${JSON.stringify(message)}\n`).join(""));
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const read: ShimMessage[] = [];
  for await (const message of messagesIn<ShimMessage>(pieces())) read.push(message);
  expect(read).toEqual(sent);
});
