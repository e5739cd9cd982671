import { expect, test } from "bun:test";
import { chownSync, mkdirSync } from "node:fs";
import { checkAgent } from "../../../../src/agent/checks/self-check.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";
import { writeOtherKey } from "../../../support/other-key.ts";

async function checkOfKey(agent: LocalAgent) {
  const { config, fleet } = agent;
  const checks = await checkAgent(config, [], agent.path("scripts.conf"), fleet.now);
  return checks.find(({ name }) => name === config.key);
}

test("T09 the key must be the certificate's own, and root's or the agent's", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const { cert, key } = agent.config;
  const remedy = `pair this agent: ctrl-exec-agent request-pairing --dispatcher <control-host> --config ${agent.config.file}`;
  expect(await checkOfKey(agent)).toEqual({
    name: key,
    ok: true,
    detail: `fits ${cert}, closed to other users`,
  });
  if (process.getuid?.() === 0) {
    chownSync(key, 12_345, 12_345);
    expect(await checkOfKey(agent)).toEqual({
      name: key,
      ok: false,
      detail: "belongs to user 12345, neither root nor the agent's",
      remedy: `chown root ${key}`,
    });
  }
  await writeOtherKey(key);
  expect(await checkOfKey(agent)).toEqual({
    name: key,
    ok: false,
    detail: `not the key of ${cert}`,
    remedy,
  });
});

test("upgrades that are allowed need the key of releases, and something that carries them out", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  const check = async (changes: object) => {
    const config = { ...agent.config, ...changes };
    const checks = await checkAgent(config, [], agent.path("scripts.conf"), fleet.now);
    return checks.find(({ name }) => name === "allow_upgrade");
  };
  expect(await check({})).toBeUndefined();
  expect(await check({ allow_upgrade: true })).toMatchObject({ ok: false });
  const release_key = new Uint8Array(32);
  const allowed = { allow_upgrade: true, release_key };
  const upgrade_state = agent.path("state");
  expect(await check({ ...allowed, upgrade_state })).toMatchObject({
    ok: false,
    detail: expect.stringContaining(`${upgrade_state} is missing`),
  });
  mkdirSync(upgrade_state);
  expect(await check({ ...allowed, upgrade_state })).toMatchObject({ ok: true });
});
