/** T68: by whom this host's clock is judged, and what is said of it. Hosts that are away are judged by what was seen. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  checkClock,
  requireBelievedClock,
  requireRightClock,
} from "../../../../src/controller/inventory/clock-check.ts";
import { addDays, isoSeconds, opensslTime } from "../../../../src/core/time.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const HOUR = 3600;

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.create();
});
afterEach(() => fleet[Symbol.asyncDispose]());

/** Hosts that are away, and by how many seconds their clocks were ahead when they were seen. */
function seen(...offsets: readonly number[]): void {
  const port = freePort();
  const clocks: Record<string, object> = {};
  for (const [at, offset] of offsets.entries()) {
    const hostname = `away-${at}`;
    const record = { hostname, ip: "127.0.0.1", lookup_by: "ip", port };
    fleet.folder.write(`control/state/agents/${hostname}.json`, JSON.stringify(record));
    clocks[hostname] = { offset, seen: isoSeconds(fleet.now) };
  }
  fleet.folder.write("control/state/clocks.json", JSON.stringify(clocks));
}

const refused = async (require: typeof requireRightClock, force = false) =>
  await require(fleet.controller, "rotate it", force).then(
    () => undefined,
    ({ code, message, hint }) => ({ code, message, hint }),
  );

test("three of five that disagree are enough to sign nothing, and it is said who and by how much", async () => {
  seen(2 * HOUR, -3 * HOUR, HOUR, 0, 1);
  expect(await refused(requireRightClock)).toEqual({
    code: "untrusted",
    message:
      "Cannot rotate it: the clocks of 3 of the 5 hosts that have answered disagree with this host's (away-1 is 3 hours behind)",
    hint: `This host's clock says ${opensslTime(fleet.now)}. Set this clock, or theirs; --force goes on all the same.`,
  });
  expect(fleet.log.of("clock-refuse").map(({ fields }) => fields)).toEqual([
    {
      DIFFER: 3,
      HOSTS: "away-1,away-0,away-2",
      OFFSET: -3 * HOUR,
      SEEN: 5,
      TASK: "rotate it",
    },
  ]);
  expect(await refused(requireRightClock, true)).toBeUndefined();
  expect(await refused(requireBelievedClock, true)).toBeUndefined();
  expect(fleet.log.of("clock-refuse")).toHaveLength(1);
});

test("half of them are not most, and two are too few to stop a signature, not to give somebody up", async () => {
  seen(HOUR, HOUR, HOUR, 0, 0, 0);
  expect((await checkClock(fleet.controller)).kind).toBe("fine");
  expect(await refused(requireRightClock)).toBeUndefined();
  expect(await refused(requireBelievedClock)).toBeUndefined();
  for (const [away, enough] of [
    [[HOUR, HOUR], false],
    [[HOUR, HOUR, HOUR], true],
    [[HOUR], false],
  ] as const) {
    await fleet[Symbol.asyncDispose]();
    fleet = await LocalFleet.create();
    seen(...away);
    expect((await refused(requireRightClock)) === undefined).toBe(!enough);
    expect((await refused(requireBelievedClock))?.code).toBe("untrusted");
  }
});

test("of many that disagree ten are named", async () => {
  seen(...Array.from({ length: 12 }, (_, at) => HOUR + at * 60));
  await refused(requireRightClock);
  const { HOSTS, DIFFER } = fleet.log.of("clock-refuse")[0]?.fields ?? {};
  expect([String(HOSTS).split(",").length, DIFFER]).toEqual([10, 12]);
});

test("a host that answers counts by what it says now, and each host once", async () => {
  await fleet.addAgent("web-01");
  seen(HOUR, HOUR);
  fleet.folder.write(
    "control/state/clocks.json",
    JSON.stringify(
      Object.fromEntries(
        ["web-01", "away-0", "away-1"].map((host) => [
          host,
          { offset: HOUR, seen: isoSeconds(fleet.now) },
        ]),
      ),
    ),
  );
  const { kind, differ, seen: count } = await checkClock(fleet.controller);
  expect([kind, differ.map(({ host }) => host).toSorted(), count]).toEqual([
    "doubtful",
    ["away-0", "away-1"],
    3,
  ]);
  // What it has said is known from now on.
  const known = await fleet.controller.store.clocks.known(new Map([["web-01", true]]));
  expect(Math.abs(known[0]?.offset ?? HOUR)).toBeLessThan(5);
});

test("where three answer, what others said before does not count", async () => {
  for (const name of ["web-01", "web-02", "web-03"]) await fleet.addAgent(name);
  seen(HOUR, HOUR, HOUR, HOUR);
  expect(await checkClock(fleet.controller)).toMatchObject({ kind: "fine", differ: [], seen: 3 });
});

test("a host is asked under its own name alone, also by a certificate of this host that has ended", async () => {
  const agent = await fleet.addAgent("web-01");
  const lax = { ...fleet.controller.config, verify_agent_identity: "ca" as const };
  const controller = { ...fleet.controller, config: lax };
  expect((await checkClock(controller)).seen).toBe(1);
  const late = { ...controller, now: () => addDays(fleet.now, 366) };
  expect((await checkClock(late)).differ).toMatchObject([{ host: "web-01" }]);
  const { port } = agent.config;
  const record = { hostname: "db-01", ip: "127.0.0.1", lookup_by: "ip", port };
  fleet.folder.write("control/state/agents/db-01.json", JSON.stringify(record));
  expect((await checkClock(controller)).seen).toBe(1);
});

test("without a credential nobody can be asked, and what was seen decides", async () => {
  seen(HOUR, HOUR, HOUR);
  fleet.folder.write("control/ctrl-exec.crt", "no certificate");
  expect((await refused(requireRightClock))?.code).toBe("untrusted");
});

test("where no host is registered, no clock is doubted", async () => {
  await using bare = await LocalFleet.bare();
  expect(await checkClock(bare.controller)).toEqual({ kind: "fine", differ: [], seen: 0 });
  await requireRightClock(bare.controller, "do it", false);
  await requireBelievedClock(bare.controller, "do it", false);
});
