import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { serviceFindings } from "../../../../../src/controller/upkeep/doctor/services.ts";
import { maintainOnce } from "../../../../../src/controller/upkeep/maintenance.ts";
import {
  type ControllerConfig,
  DEFAULT_CONTROLLER_CONFIG,
} from "../../../../../src/core/config/controller-config.ts";
import { opensslTime } from "../../../../../src/core/time.ts";
import { faults, nothingAround } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

const at = (port: number, address = "0.0.0.0") => ({ address, port });

async function services(
  fleet: LocalFleet,
  change: Partial<ControllerConfig> = {},
  listening: readonly { address: string; port: number }[] | undefined = [],
) {
  const { controller } = fleet;
  const config = { ...controller.config, ...change };
  const around = { ...nothingAround(fleet), listening };
  return await serviceFindings({ ...controller, config }, around);
}

test("what does not run, and need not, is not a fault; another program on its port is", async () => {
  await using fleet = await LocalFleet.create();
  await maintainOnce(fleet.controller);
  const found = await services(fleet);
  expect(found.map(({ name, ok, detail }) => [name, ok, detail])).toEqual([
    ["ctrl-exec-api", true, "is not running"],
    ["pairing", true, "nobody holds the port, and it is free"],
    ["maintenance", true, `last done ${opensslTime(fleet.now)}`],
  ]);
  expect(faults(await services(fleet, {}, [at(7444), at(7445)]))).toEqual([
    "ctrl-exec-api: is not running, and another program has its port 7445",
    "pairing: hosts cannot be paired: another program has its port 7444",
  ]);
  // At other addresses and ports nobody is in the way; and what is not told is no fault.
  expect(faults(await services(fleet, {}, [at(7445, "10.0.0.1"), at(7446)]))).toEqual([]);
  expect(
    faults(await serviceFindings(fleet.controller, { root: "/", listening: undefined })),
  ).toEqual([]);
  expect(faults(await services(fleet, { api_port: 0, pairing_port: 0 }, [at(0)]))).toEqual([]);
});

test("what runs must be where its configuration says", async () => {
  await using fleet = await LocalFleet.create();
  const { store } = fleet.controller;
  await using offers = await store.rollouts.takeOffers(async () => undefined);
  const desk = await store.pairing.openDesk("pairing-mode");
  expect(offers).toBeDefined();
  expect(faults(await services(fleet))).toEqual([
    "ctrl-exec-api: runs, but nothing listens on 127.0.0.1:7445: api_bind or api_port has changed since it was started",
    "pairing: pairing-mode runs, but nothing listens on port 7444: pairing_bind or pairing_port has changed since it was started",
  ]);
  const found = await services(fleet, {}, [at(7444), at(7445, "127.0.0.1")]);
  expect(found.map(({ ok, detail }) => [ok, detail])).toEqual([
    [true, "runs, and listens on 127.0.0.1:7445"],
    [true, "pairing-mode holds the port"],
    [true, "to be done by ctrl-exec-api, pairing-mode"],
  ]);
  await desk?.close();
});

test("maintenance that nobody does, or that has stopped, is named", async () => {
  await using fleet = await LocalFleet.create();
  const { controller, folder } = fleet;
  const usual = { file: DEFAULT_CONTROLLER_CONFIG };
  const [, , never] = await services(fleet);
  expect([never?.ok, never?.detail]).toEqual([
    false,
    "nothing seems to do it: no certificate is renewed",
  ]);
  expect(never?.remedy).toContain(`ctrl-exec maintain --config ${controller.config.file}`);
  mkdirSync(folder.join("nowhere/run/systemd/system"), { recursive: true });
  const [, , systemd] = await services(fleet, usual);
  expect(systemd?.remedy).toBe("systemctl enable --now ctrl-exec-maintain.timer");
  folder.write("nowhere/etc/systemd/system/timers.target.wants/ctrl-exec-maintain.timer", "");
  const [, , timer] = await services(fleet, usual);
  expect([timer?.ok, timer?.detail]).toEqual([true, "to be done by ctrl-exec-maintain.timer"]);
  // The timer takes the usual configuration.
  expect(faults(await services(fleet))).toHaveLength(1);
  const last = opensslTime(fleet.now);
  await maintainOnce(controller);
  fleet.passDays(1.9);
  expect(faults(await services(fleet, usual))).toEqual([]);
  fleet.passDays(0.2);
  expect(faults(await services(fleet, usual))).toEqual([
    `maintenance: last done ${last}, although it is due (ctrl-exec-maintain.timer)`,
  ]);
  expect(faults(await services(fleet))).toEqual([
    `maintenance: nothing seems to do it, last ${last}: no certificate is renewed`,
  ]);
  expect(faults(await services(fleet, { cert_check_interval: 100_000 }))).toEqual([]);
});

test.each([
  "etc/systemd/system/multi-user.target.wants/ctrl-exec-api.service",
  "etc/runlevels/default/ctrl-exec-api",
  "etc/rc.d/S99ctrl-exec-api",
])("an API that is to start at boot, and does not run, is named: %s", async (link) => {
  await using fleet = await LocalFleet.create();
  await maintainOnce(fleet.controller);
  fleet.folder.write(`nowhere/${link}`, "");
  const usual = { file: DEFAULT_CONTROLLER_CONFIG };
  expect(faults(await services(fleet, usual))).toEqual([
    "ctrl-exec-api: is not running, although it should start at boot",
  ]);
  expect(faults(await services(fleet))).toEqual([]);
});
