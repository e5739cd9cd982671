import { expect, test } from "bun:test";
import type { JoinOutcome } from "../../../../src/agent/pairing/join.ts";
import { joinWithPatience } from "../../../../src/agent/pairing/join-attempts.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";

const AWAY = new CtrlExecError("unreachable", "nobody there");
const LATER: JoinOutcome = { kind: "refused", reason: "later", again: true };
const NEVER: JoinOutcome = { kind: "refused", reason: "expired", again: false };
const JOINED = { kind: "joined", enrolled: {} } as JoinOutcome;

/** Plays the outcomes in turn, the last one again and again; waits move a clock alone. */
async function play(forMs: number, outcomes: readonly (JoinOutcome | Error)[], random = 0.5) {
  let now = 0;
  let tries = 0;
  const waits: number[] = [];
  const ended = joinWithPatience(
    async () => {
      const outcome = outcomes[Math.min(tries, outcomes.length - 1)];
      tries += 1;
      if (outcome === undefined || outcome instanceof Error) throw outcome;
      return outcome;
    },
    {
      forMs,
      firstMs: 500,
      longestMs: 2000,
      random: () => random,
      clock: () => now,
      pause: async (ms) => {
        waits.push(ms);
        now += ms;
      },
      onFailure: () => undefined,
    },
  );
  return { outcome: await ended.catch((thrown) => thrown), tries: () => tries, waits };
}

test("whoever does not answer, or says later, is asked again, less and less often", async () => {
  const played = await play(60_000, [AWAY, LATER, AWAY, AWAY, JOINED]);
  expect(played.outcome).toBe(JOINED);
  expect(played.waits).toEqual([500, 1000, 2000, 2000]);
});

test("those that failed together do not come back together", async () => {
  expect((await play(60_000, [AWAY, JOINED], 0)).waits).toEqual([250]);
  expect((await play(60_000, [AWAY, JOINED], 1)).waits).toEqual([750]);
});

test("when the time is over, the last failure is the end; with none there is one try", async () => {
  const played = await play(3000, [AWAY]);
  expect([played.outcome, played.tries()]).toEqual([AWAY, 3]);
  expect((await play(0, [LATER])).outcome).toBe(LATER);
  expect((await play(0, [AWAY])).tries()).toBe(1);
});

test("T31 a refusal, and a control host that is another one, are not asked again", async () => {
  const refused = await play(60_000, [NEVER]);
  expect([refused.outcome, refused.tries()]).toEqual([NEVER, 1]);
  const other = new CtrlExecError("untrusted", "another CA");
  const untrusted = await play(60_000, [other]);
  expect([untrusted.outcome, untrusted.tries()]).toEqual([other, 1]);
});
