/** The agent's end of its shim: one that answers, and those that do not. */
import { afterEach, expect, jest, test } from "bun:test";
import { ShimLink, type ShimListener } from "../../../../src/agent/jobs/shim-link.ts";
import type { ShimMessage } from "../../../../src/agent/jobs/shim-messages.ts";
import type { ProcessId } from "../../../../src/system/process/process-id.ts";
import { isAlive } from "../../../support/processes.ts";

afterEach(() => void jest.useRealTimers());

/** What a shell does as a shim, and what is heard of it. */
function shimOf(script: string) {
  const told: ShimMessage[] = [];
  const ended = Promise.withResolvers<ProcessId>();
  const listener: ShimListener = { told: (message) => told.push(message), gone: ended.resolve };
  const program = { file: "/bin/sh", args: ["-c", script] };
  return { told, gone: ended.promise, start: () => ShimLink.start(program, listener) };
}

const READY = `echo '{"kind":"ready"}'`;
/** Until the agent has no more jobs for it; it may say more. */
const STAYS = "exec cat 3>&1 >/dev/null";

test("what it says is passed on, but not that it is ready; then its end", async () => {
  const { told, gone, start } = shimOf(`${READY}; echo '{"kind":"stalled","job":"a","bytes":7}'`);
  const link = await start();
  expect(await gone).toEqual(link.id);
  expect(told).toEqual([{ kind: "stalled", job: "a", bytes: 7 }]);
  expect(link.ended).toBe(true);
});

test("it runs until it is closed", async () => {
  const { gone, start } = shimOf(`${READY}; ${STAYS}`);
  const link = await start();
  expect([link.ended, isAlive(link.id.pid)]).toEqual([false, true]);
  link.close();
  await gone;
  expect(isAlive(link.id.pid)).toBe(false);
});

test.each([
  ["exit 1", "it has ended (at once)"],
  ["kill -9 $$", "it has ended (SIGKILL)"],
])("one that does nothing but `%s` is not waited for", async (script, problem) => {
  const { gone, start } = shimOf(script);
  await expect(start()).rejects.toThrow(problem);
  await gone;
});

test("one that says what is not a message is refused at once, and let go", async () => {
  const { gone, start } = shimOf(`echo nonsense; ${STAYS}`);
  await expect(start()).rejects.toThrow(SyntaxError);
  await gone;
});

test("one that never says that it is ready is given up, and let go", async () => {
  jest.useFakeTimers();
  const { gone, start } = shimOf(STAYS);
  const starting = start();
  starting.catch(() => undefined);
  jest.advanceTimersByTime(9_900);
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(200);
  jest.useRealTimers();
  await expect(starting).rejects.toThrow("it does not answer");
  await gone;
});
