import { expect, test } from "bun:test";
import {
  registryFindings,
  silentFindings,
} from "../../../../../src/controller/upkeep/doctor/registry.ts";
import { addDays, isoSeconds, opensslTime } from "../../../../../src/core/time.ts";
import { faults, register } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

const found = async ({ controller }: LocalFleet) => {
  return await registryFindings(controller, await controller.store.registry.read());
};

test("records that can be used have one line", async () => {
  await using fleet = await LocalFleet.bare();
  expect(await found(fleet)).toEqual([
    { name: "registry", ok: true, detail: "0 hosts, every record can be used" },
  ]);
  register(fleet, "web-01", { expiry: opensslTime(addDays(fleet.now, 1)) });
  // A host of 0.8 whose record says nothing of its certificate.
  register(fleet, "old");
  expect(faults(await found(fleet))).toEqual([]);
});

test("each that cannot be used is named, and two of one host", async () => {
  await using fleet = await LocalFleet.bare();
  const { folder } = fleet;
  const cut = folder.write("control/state/agents/cut.json", "{");
  const [upper, lower] = [register(fleet, "Web-01"), register(fleet, "web-01")];
  const findings = await found(fleet);
  expect(faults(findings)).toEqual([
    `registry web-01: Cannot use ${upper}: ${lower} is for the same host`,
    `registry cut: Cannot use ${cut}: not JSON`,
  ]);
  expect(findings.map(({ remedy, mend }) => [remedy, mend])).toEqual([
    ["Remove the one that is out of date, or pair web-01 again.", undefined],
    ["Restore it from a backup, or pair cut again.", undefined],
  ]);
  for (let at = 10; at < 40; at++) folder.write(`control/state/agents/x-${at}.json`, "");
  const many = await found(fleet);
  expect(many).toHaveLength(21);
  expect(many.at(-1)?.detail).toBe("12 more records cannot be used");
});

test("hosts whose certificates are over, or revoked, are named together", async () => {
  await using fleet = await LocalFleet.bare();
  const { controller, now } = fleet;
  register(fleet, "web-01", { expiry: opensslTime(addDays(now, -1)), serial: "0a" });
  register(fleet, "web-02", { expiry: opensslTime(addDays(now, 1)), serial: "0b" });
  await controller.store.exclusively((writer) => writer.revoke(["0b"], "stolen"));
  const findings = await found(fleet);
  expect(faults(findings)).toEqual([
    "certificates: the certificates of web-01 have expired",
    "certificates: the certificates of web-02 are revoked, and the hosts are still registered",
  ]);
  expect(findings[1]?.remedy).toContain(
    `each of them: ctrl-exec unpair web-02 --config ${controller.config.file}; or pair it again`,
  );
  fleet.folder.write("control/state/revoked-serials", "no serial\n");
  const [, bad] = faults(await found(fleet));
  expect(bad).toContain("revocations: Cannot use ");
});

test("a host is silent when neither its record nor what was learned is of the last thirty days", async () => {
  await using fleet = await LocalFleet.bare();
  const { controller, now } = fleet;
  const ago = (days: number) => isoSeconds(addDays(now, -days));
  register(fleet, "confirmed", { paired: ago(99), serial_confirmed: ago(29) });
  register(fleet, "renewed", { paired: ago(99), renewed: ago(29) });
  register(fleet, "paired", { paired: ago(29) });
  register(fleet, "heard", { paired: ago(99) });
  const { agents } = await controller.store.registry.read();
  const heard = new Map([["heard", addDays(now, -29)]]);
  const silent = (time: Date) => silentFindings(controller.config, agents, heard, time);
  expect(faults(silent(now))).toEqual([]);
  expect(silent(addDays(now, 2))).toEqual([
    {
      name: "contact",
      ok: false,
      detail: "nothing was heard from confirmed, heard, paired, renewed for 30 days",
      remedy: `ctrl-exec ping confirmed,heard,paired,renewed --config ${controller.config.file}`,
    },
  ]);
});
