import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Deadline, longerPause, pause, within } from "../../../src/system/deadline.ts";
import { connectTcp, listenTcp } from "../../../src/system/net/tcp.ts";
import { DeadHost } from "../../support/dead-host.ts";
import { whileStopped } from "../../support/stopped.ts";

/** Nothing else happens in this process meanwhile; others have the processor. */
const block = Bun.sleepSync;

/** A connection on which nothing has come yet, and how the peer sends something. */
async function connected() {
  const accepted = Promise.withResolvers<void>();
  let send = () => undefined as unknown;
  const listener = listenTcp("127.0.0.1", 0, (peer) => {
    send = () => peer.close();
    accepted.resolve();
  });
  const connection = await connectTcp("127.0.0.1", listener.port, 10_000);
  await accepted.promise;
  connection.resume();
  return { connection, send, listener };
}

describe("what has come is read before a limit counts", () => {
  test.each([[0], [20], [60], [300], [1_500]])("in a process held up for %d ms", async (ms) => {
    const { connection, send, listener } = await connected();
    const heard: string[] = [];
    const over = Promise.withResolvers<void>();
    connection.onClose(() => heard.push("closed"));
    new Deadline(50, () => {
      heard.push("late");
      over.resolve();
    });
    send();
    block(50 + ms);
    await over.promise;
    expect(heard).toEqual(["closed", "late"]);
    listener.stop();
  });
});

test("a process that is held up without end has limits all the same", async () => {
  const over = Promise.withResolvers<void>();
  let isOver = false;
  const began = performance.now();
  new Deadline(50, () => {
    isOver = true;
    over.resolve();
  });
  const keepBusy = () => {
    block(700);
    if (!isOver && performance.now() - began < 20_000) setTimeout(keepBusy, 0);
  };
  keepBusy();
  await over.promise;
  expect(performance.now() - began).toBeLessThan(15_000);
});

test("one that is stopped does not come", async () => {
  let calls = 0;
  const count = () => {
    calls += 1;
  };
  const deadline = new Deadline(1, count);
  deadline.stop();
  await Bun.sleep(20);
  expect(calls).toBe(0);
});

test("one that is restarted has all of its time again", async () => {
  const over = Promise.withResolvers<number>();
  const began = performance.now();
  const deadline = new Deadline(100, () => over.resolve(performance.now() - began));
  await Bun.sleep(60);
  deadline.restart();
  expect(await over.promise).toBeGreaterThanOrEqual(155);
});

test("a connection that came about while the process was suspended is one", async () => {
  using dead = new DeadHost();
  const program = join(import.meta.dir, "../../support/call-program.ts");
  const child = Bun.spawn([process.execPath, program, `127.0.0.1 ${dead.port} 1500`]);
  await dead.called();
  // The kernel calls again after one second.
  await whileStopped(child.pid, 2_500, async () => dead.revive());
  expect(await new Response(child.stdout).json()).toEqual(["127.0.0.1"]);
});

describe("within a time", () => {
  const never = new Promise<string>(() => undefined);

  test("the work's own result, or its error", async () => {
    expect(await within(10_000, Promise.resolve("done"), () => "late")).toBe("done");
    const failing = Promise.reject(new Error("no"));
    expect(await within(10_000, failing, () => "late").catch(String)).toBe("Error: no");
  });

  test("once the time is over what is given instead, or thrown", async () => {
    expect(await within(20, never, () => "late")).toBe("late");
    const late = () => {
      throw new Error("no answer");
    };
    expect(await within(20, never, late).catch(String)).toBe("Error: no answer");
  });

  test("nothing is late once the work is done", async () => {
    let isLate = false;
    await within(30, Promise.resolve(), () => {
      isLate = true;
    });
    {
      using _stopped = new Deadline(30, () => {
        isLate = true;
      });
    }
    const over = Promise.withResolvers<void>();
    new Deadline(60, over.resolve);
    await over.promise;
    expect(isLate).toBe(false);
  });
});

describe("a pause", () => {
  test("lasts its time, or until it is ended, and listens no longer than that", async () => {
    const ending = new AbortController();
    const listeners = { added: 0, removed: 0 };
    const { signal } = ending;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners.added += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners.removed += 1;
      remove(...args);
    };
    const began = performance.now();
    await pause(20, signal);
    expect(performance.now() - began).toBeGreaterThanOrEqual(19);
    await pause(5, undefined);
    expect(listeners).toEqual({ added: 1, removed: 1 });
    const long = pause(600_000, signal);
    ending.abort();
    await long;
    await pause(600_000, signal);
    expect(listeners).toEqual({ added: 2, removed: 2 });
  });
});

test("attempts in vain come after twice as long each, up to a bound", () => {
  const pauses = [100, 200, 300].map((ms) => longerPause(ms, 500));
  expect(pauses).toEqual([200, 400, 500]);
});
