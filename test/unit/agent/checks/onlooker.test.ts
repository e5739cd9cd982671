import { expect, test } from "bun:test";
import { isOnlooker, isRunByOnlooker } from "../../../../src/agent/checks/onlooker.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";

const FOLDER = { uid: 0, gid: 980 };

test.each([
  ["root", 0, [0], false, false],
  ["the service, which reads its key by its group", 990, [980], true, false],
  ["the service, whose key is closed to it", 990, [980], false, false],
  ["a user of its own group that owns nothing and reads the key", 1000, [1000], true, false],
  ["any other user", 1000, [1000, 4], false, true],
])("self-check by %s", (_, uid, gids, readsKey, onlooker) => {
  expect(isOnlooker({ uid, gids }, FOLDER, readsKey)).toBe(onlooker);
});

test("who owns the folder of agent.conf is not an onlooker", () => {
  expect(isOnlooker({ uid: 1000, gids: [1000] }, { uid: 1000, gid: 980 }, false)).toBe(false);
});

test("nor is anybody where there is no such folder: what is missing is reported as missing", async () => {
  const { config } = await parseAgentConfig("/nonexistent/agent.conf", "");
  expect(isRunByOnlooker(config)).toBe(false);
});
