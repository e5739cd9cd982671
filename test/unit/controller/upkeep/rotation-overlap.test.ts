/** When this host's certificate is replaced, and how long the one before is kept for those who missed it. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../../../src/controller/store/paths.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import {
  dropEarlier,
  finishRotation,
  markAgents,
  mendOverlap,
  overlapIsOver,
  rotateIfDue,
} from "../../../../src/controller/upkeep/rotation.ts";
import { addDays, isoSeconds } from "../../../../src/core/time.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

test("a certificate is replaced from the day on that is configured, and the log says what was decided", async () => {
  await using fleet = await LocalFleet.create(["cert_days = 100", "cert_renewal_days = 30"]);
  const { controller } = fleet;
  const { serial, notAfter } = loadCredential(controller.config, fleet.now).certificate;
  const due = addDays(notAfter, -30);
  const at = (time: Date) => ({ ...controller, now: () => time });
  expect(await rotateIfDue(at(addDays(due, -0.001)), false)).toBeUndefined();
  const rotated = await rotateIfDue(at(due), false);
  expect(rotated).toMatchObject({ oldSerial: serial, agents: 0 });
  expect(fleet.log.of("cert-check").map(({ fields }) => fields)).toEqual([
    { DAYS_LEFT: 30, THRESHOLD: 30 },
    { DAYS_LEFT: 30, THRESHOLD: 30 },
  ]);
  expect(fleet.log.of("cert-renewal-start").map(({ fields }) => fields)).toEqual([
    { DAYS_LEFT: 30 },
  ]);
  expect(fleet.log.of("cert-rotated").map(({ fields }) => fields)).toEqual([
    {
      AGENTS: 0,
      NEW_SERIAL: rotated?.newSerial ?? "",
      OLD_SERIAL: serial,
      OVERLAP_EXPIRES: isoSeconds(addDays(due, 30)),
    },
  ]);
});

test("a rotation that fails is logged as such, and nothing has changed", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  const before = readFileSync(config.cert, "utf8");
  rmSync(paths(config).caKey);
  await expect(rotateNow(fleet.controller)).rejects.toMatchObject({ code: "config" });
  expect(fleet.log.of("cert-rotation-fail")).toMatchObject([
    { level: "err", fields: { ERROR: expect.stringContaining("ca.key") } },
  ]);
  expect(fleet.log.of("cert-rotated")).toEqual([]);
  expect(readFileSync(config.cert, "utf8")).toBe(before);
});

/** A rotation that web-01 has missed. */
async function missed() {
  const fleet = await LocalFleet.create(["cert_overlap_days = 30"]);
  await (await fleet.addAgent("web-01")).stop();
  const { oldSerial, newSerial, overlapExpires } = await rotateNow(fleet.controller);
  const end = overlapExpires?.getTime() ?? 0;
  const at = (ms: number) => ({ ...fleet.controller, now: () => new Date(end + ms) });
  const kept = () =>
    readdirSync(paths(fleet.controller.config).credentials)
      .filter((name) => name !== "in-force.pem")
      .map((name) => name.replace(".pem", ""));
  const status = () => fleet.record("web-01").serial_status;
  const dispose = () => fleet[Symbol.asyncDispose]();
  return { fleet, oldSerial, newSerial, at, kept, status, [Symbol.asyncDispose]: dispose };
}

test("the overlap lasts up to its last moment, and then those are given up who have not confirmed", async () => {
  await using stage = await missed();
  const { fleet, at, oldSerial, kept, status } = stage;
  expect(await overlapIsOver(at(-1))).toBe(false);
  await dropEarlier(at(-1));
  expect([await markAgents(at(-1)), status(), kept()]).toEqual([[], "pending", [oldSerial]]);
  expect(await overlapIsOver(at(0))).toBe(true);
  expect([await markAgents(at(0)), status()]).toEqual([["web-01"], "stale"]);
  expect(fleet.log.of("serial-stale").map(({ fields }) => fields)).toEqual([
    {
      AGENT: "web-01",
      REASON: "not confirmed before the overlap had ended; pair it again",
    },
  ]);
  // Nobody is pending any more, but there is still something to drop.
  expect(await overlapIsOver(at(0))).toBe(true);
  await dropEarlier(at(0));
  expect([kept(), await overlapIsOver(at(0))]).toEqual([[], false]);
  // It is said of him again, and logged no more.
  expect(await markAgents(at(0))).toEqual(["web-01"]);
  expect(fleet.log.of("serial-stale")).toHaveLength(1);
});

test("an overlap is also not over for who is pending, though nothing is left to drop", async () => {
  await using stage = await missed();
  for (const serial of stage.kept()) {
    rmSync(join(paths(stage.fleet.controller.config).credentials, `${serial}.pem`));
  }
  expect(await overlapIsOver(stage.at(0))).toBe(true);
  await markAgents(stage.at(0));
  expect(await overlapIsOver(stage.at(0))).toBe(false);
});

test("during the overlap those credentials are kept that an agent may know, and no others", async () => {
  await using stage = await missed();
  const { fleet, at, oldSerial, newSerial, kept } = stage;
  // Two rotations on: web-01 knows the first, and nobody the second.
  const second = await rotateNow(fleet.controller);
  const third = await rotateNow(fleet.controller);
  expect(new Set(kept())).toEqual(new Set([oldSerial, newSerial, second.newSerial]));
  await dropEarlier(at(-1));
  expect(new Set(kept())).toEqual(new Set([oldSerial, third.oldSerial]));
  expect(third.oldSerial).toBe(second.newSerial);
  fleet.folder.write("control/credentials/notes.txt", "mine");
  await dropEarlier(at(30 * 86_400_000));
  expect(kept()).toEqual(["notes.txt"]);
});

test("without a rotation nothing is over, dropped, repaired or finished", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  expect(await overlapIsOver(controller)).toBe(false);
  await dropEarlier(controller);
  await mendOverlap(controller);
  await finishRotation(controller);
  expect(existsSync(paths(controller.config).rotation)).toBe(false);
  expect(readdirSync(paths(controller.config).credentials)).toEqual(["in-force.pem"]);
});

test("T68 the overlap of a rotation from ahead is repaired on a host's word alone", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const agent = await fleet.addAgent("web-01");
  const { rotation } = controller.store;
  const rotatedAt = async () => (await rotation.state())?.rotatedAt;
  const now = new Date(Math.floor(fleet.now.getTime() / 1000) * 1000);
  const ahead = addDays(now, 100);
  await rotation.commit("0b", "0a", ahead);
  await agent.stop();
  await mendOverlap(controller);
  expect(await rotatedAt()).toEqual(ahead);
  await agent.start();
  await mendOverlap(controller);
  expect(await rotatedAt()).toEqual(now);
  expect(await rotation.state()).toMatchObject({ currentSerial: "0b", previousSerial: "0a" });
  // One from the past is as it should be.
  await rotation.commit("0b", "0a", addDays(now, -5));
  await mendOverlap(controller);
  expect(await rotatedAt()).toEqual(addDays(now, -5));
});
