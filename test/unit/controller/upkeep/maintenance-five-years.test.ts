/**
 * Five years of a fleet in a minute: the clock that decides is the test's. What stays real is TLS, and
 * TLS asks the real clock whether a certificate has begun: cert_backdate lets the certificates of the
 * years to come count today. That a certificate ends is decided by the test's clock alone.
 */
import { expect, test } from "bun:test";
import { loadCredentials } from "../../../../src/controller/trust/credential.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../../../src/core/reserved-script.ts";
import { rotationDue } from "../../../../src/core/rotation.ts";
import { addDays, daysBetween, parseOpensslTime } from "../../../../src/core/time.ts";
import type { LineFields } from "../../../support/event-log.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

const YEARS = 5;
/** Four of them are in trouble at each rotation. */
const HOSTS = 6;
/** Nothing is due in less time; while some hosts do not know the new serial, the clock goes more slowly. */
const STEP_DAYS = 30;
const OVERLAP_STEP_DAYS = 15;
/** Back on the 30th day, when the overlap ends: told before they are given up. */
const AWAY_STEPS = 1;

test("a fleet lives through five years", async () => {
  await using fleet = await LocalFleet.create([`cert_backdate = ${(YEARS + 1) * 366 * 86_400}`]);
  const { config } = fleet.controller;
  for (let number = 0; number < HOSTS; number++) await fleet.addAgent(`host-${number}`);
  const served = new Set<string>();
  const count = { steps: 0, rotations: 0, renewals: 0, requests: 0, notYetTold: 0 };
  let away: LocalAgent[] = [];
  let broken: LocalAgent | undefined;
  let sinceRotation = 0;

  const end = addDays(fleet.now, YEARS * 365);
  while (fleet.now < end || away.length > 0) {
    count.steps += 1;
    if (away.length > 0 && sinceRotation++ === AWAY_STEPS) {
      for (const agent of away) await agent.start();
      broken?.setUpdateScript(undefined);
      await broken?.restart();
      away = [];
      broken = undefined;
    }
    const { current } = loadCredentials(config, fleet.now);
    if (rotationDue(current.certificate.notAfter, current.ca.notAfter, config, fleet.now)) {
      // Three others each time are away, and one cannot be told.
      const first = count.rotations * 3;
      away = [0, 1, 2].map((next) => at(fleet, first + next));
      for (const agent of away) await agent.stop();
      broken = at(fleet, first + 3);
      broken.setUpdateScript("exit 1");
      await broken.restart();
      sinceRotation = 0;
    }

    const report = await maintainOnce(fleet.controller);
    expect(report.problems).toEqual([]);
    expect(report.stale).toEqual([]);
    if (report.rotated !== undefined) {
      count.rotations += 1;
      const untold = [...away, ...(broken === undefined ? [] : [broken])];
      expect(report.pending.map(({ host }) => host).sort()).toEqual(
        untold.map(({ name }) => name).sort(),
      );
    }
    count.renewals += report.renewed.length;
    count.notYetTold += report.pending.length;
    // Who is away when a renewal falls due is renewed later; nobody else fails.
    const absent = new Set(away.map(({ name }) => name));
    expect(report.notRenewed.filter(({ host }) => !absent.has(host))).toEqual([]);

    const running = fleet.agents.filter(({ isUp }) => isUp);
    const up = running.map(({ name }) => name);
    expect(await fleet.pingFailures(up)).toEqual([]);
    expect(await fleet.runFailures(up)).toEqual([]);
    count.requests += 2 * up.length;
    for (const agent of running) {
      // What goes over the wire is the certificate that the records speak of.
      const { serial } = fleet.record(agent.name);
      expect(await agent.servedSerial()).toBe(serial);
      served.add(serial);
    }
    for (const { name } of fleet.agents) {
      const expiry = parseOpensslTime(fleet.record(name).expiry);
      expect(daysBetween(fleet.now, expiry ?? fleet.now)).toBeGreaterThan(0);
    }
    fleet.passDays(away.length > 0 ? OVERLAP_STEP_DAYS : STEP_DAYS);
  }

  const logged = (action: string, wanted: LineFields = {}) =>
    fleet.agents
      .flatMap((agent) => agent.log.of(action))
      .filter(({ fields }) => Object.entries(wanted).every(([key, value]) => fields[key] === value))
      .length;
  const refused = logged("serial-reject");
  console.log(
    `five years: ${count.steps} steps, ${count.rotations} rotations, ${count.renewals} renewals, ` +
      `${count.requests} requests answered, ${count.notYetTold} broadcasts tried again, ` +
      `${refused} refused under one serial and taken under the other`,
  );
  // Every 275 days for five years; every 243 to 274 days for each agent.
  expect(count.rotations).toBe(6);
  expect(count.renewals).toBeGreaterThanOrEqual(HOSTS * 6);
  expect(count.renewals).toBeLessThanOrEqual(HOSTS * 8);
  // Both sides count the same, and every certificate that was ever made was in use.
  expect(logged("renew-complete")).toBe(count.renewals);
  expect(served.size).toBe(HOSTS + count.renewals);
  expect(logged("run", { SCRIPT: "count", EXIT: 0 })).toBe(count.requests / 2);
  // Who has taken the new serial is pinged under it, and some are asked for the time before a signature.
  const told = logged("run", { SCRIPT: UPDATE_SERIAL_SCRIPT, EXIT: 0 });
  expect(logged("ping")).toBeGreaterThan(count.requests / 2 + told);
  expect(fleet.log.of("ping")).toHaveLength(count.requests / 2);
  expect(told).toBe(HOSTS * count.rotations);
  for (const action of ["serial-reject", "revoked-cert", "tls-failure", "deny"]) {
    expect([action, logged(action)]).toEqual([action, 0]);
  }
}, 600_000);

function at(fleet: LocalFleet, index: number): LocalAgent {
  const agent = fleet.agents[index % fleet.agents.length];
  if (agent === undefined) throw new Error("no agents");
  return agent;
}
