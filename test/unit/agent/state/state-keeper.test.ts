import { expect, test } from "bun:test";
import { loadState, logStateWarnings } from "../../../../src/agent/state/state.ts";
import { StateKeeper } from "../../../../src/agent/state/state-keeper.ts";
import { EventLog } from "../../../support/event-log.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

test("lines of the revocation file that are not serials are reported once for each change of the file", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const log = new EventLog("ctrl-exec-agent");
  const told = () => log.of("revoked-serials-bad").map(({ fields }) => fields.ERROR);
  const file = (text: string) => fleet.folder.write("web-01/revoked-serials", text);
  const path = agent.path("revoked-serials");

  const state = await loadState(agent.config, agent.path("scripts.conf"));
  logStateWarnings(state, [], log.log);
  const keeper = new StateKeeper(state, log.log);
  file("what is this\n");
  for (let n = 0; n < 5; n++) keeper.current();
  expect(told()).toEqual([`${path}: line 1 is not a serial`]);

  file("0a1b\n# fine\nnot this\n0a1c # alice's laptop\nnor this\n");
  for (let n = 0; n < 5; n++) keeper.current();
  expect(told().slice(1)).toEqual([`${path}: lines 3, 5 are not serials`]);

  // The same text again is no change.
  file("0a1b\n# fine\nnot this\n0a1c # alice's laptop\nnor this\n");
  keeper.current();
  expect(told()).toHaveLength(2);

  file("0a1b\n");
  keeper.current();
  expect(told()).toHaveLength(2);
  file("what is this\n");
  keeper.current();
  expect(told().slice(2)).toEqual([`${path}: line 1 is not a serial`]);

  // Nor is it told again of a list that somebody has judged who has loaded it anew.
  const { trust } = state;
  const revoked = { look: () => undefined, text: "x\n", badLines: "x", problem: undefined };
  keeper.replace({ ...state, trust: { ...trust, revoked } as unknown as typeof trust });
  keeper.current();
  expect(told()).toHaveLength(3);
  expect(log.of("revoked-serials-bad").every(({ level }) => level === "err")).toBe(true);
});
