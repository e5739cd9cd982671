/** A control certificate that somebody else has replaced, 0.8's rotate-cert above all: noticed, and put back. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { paths } from "../../../../src/controller/store/paths.ts";
import { writeAgent } from "../../../../src/controller/store/registry.ts";
import { writeRotation } from "../../../../src/controller/store/rotation-state.ts";
import { makeOwnCredential, setupController } from "../../../../src/controller/trust/ca.ts";
import { loadCredentials } from "../../../../src/controller/trust/credential.ts";
import { serialReport } from "../../../../src/controller/trust/serial-report.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { restoreSteps } from "../../../../src/controller/upkeep/replaced-credential.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

function inForce({ controller, now }: LocalFleet) {
  return loadCredentials(controller.config, now).current.certificate.serial;
}

/** The serial of the file itself. */
function inPlace({ controller }: LocalFleet): string {
  return readFileSync(controller.config.cert, "utf8").trim();
}

/** What 0.8's rotate-cert writes: key, certificate and its own rotation.json; no agent hears of it. */
async function replaceAs08({ controller, folder, now }: LocalFleet): Promise<string> {
  const { config } = controller;
  const old = loadCredentials(config, now).current.certificate.serial;
  const { keyPem, certificate } = await makeOwnCredential(controller);
  folder.write("control/ctrl-exec.key", keyPem, 0o600);
  folder.write("control/ctrl-exec.crt", certificate.pem);
  writeRotation(config, certificate.serial, old, now);
  return certificate.serial;
}

test.each(["a fresh control host", "one that has rotated", "one taken over from before 1.1"])(
  "%s reaches every agent at once, and maintain puts its certificate back",
  async (kind) => {
    await using fleet = await LocalFleet.create();
    const { controller, log } = fleet;
    if (kind === "one taken over from before 1.1") {
      // It has no copy until somebody maintains.
      rmSync(paths(controller.config).credentials, { recursive: true });
      expect(await maintainOnce(controller)).toMatchObject({ replacedBy: undefined, problems: [] });
    }
    await fleet.addAgent("web-01");
    if (kind === "one that has rotated") await rotateNow(controller);
    const serial = inForce(fleet);
    const pem = inPlace(fleet);
    const other = await replaceAs08(fleet);

    expect(inForce(fleet)).toBe(serial);
    expect(await fleet.pingFailures(["web-01"])).toEqual([]);
    expect((await serialReport(controller)).problems).toEqual([
      expect.objectContaining({
        message: expect.stringContaining(`somebody else has put it there, serial ${other}`),
        hint: expect.stringMatching(/ctrl-exec maintain --config \S+ restores it/),
      }),
    ]);
    expect(await maintainOnce(controller)).toMatchObject({ replacedBy: other, problems: [] });
    expect(log.of("cert-replaced")).toMatchObject([
      { level: "warning", fields: { SERIAL: serial, REPLACED_BY: other } },
    ]);
    expect(inPlace(fleet)).toBe(pem);
    expect(await serialReport(controller)).toMatchObject({ current: serial, problems: [] });
    expect((await maintainOnce(controller)).replacedBy).toBeUndefined();
    expect(await fleet.runFailures(["web-01"])).toEqual([]);
    const { confirmed } = await rotateNow(controller);
    expect(confirmed).toEqual(["web-01"]);
  },
);

test("an agent that was paired under the other one meanwhile is reached, and told", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  await fleet.addAgent("web-01");
  const serial = inForce(fleet);
  const other = await replaceAs08(fleet);
  const late = await fleet.addAgent("db-01");
  // As 0.8's approve would have had it.
  fleet.folder.write("db-01/ctrl-exec-serial", `${other}\n`);
  await late.restart();
  expect((await maintainOnce(controller)).replacedBy).toBe(other);
  expect(await fleet.pingFailures(["web-01", "db-01"])).toEqual([]);
  await maintainOnce(controller);
  expect((await controller.store.registry.read()).agents.get("db-01")).toMatchObject({
    dispatcher_serial: serial,
    serial_status: "current",
  });
});

test("0.8's record of an agent that knows the other one says pending before anything is put in place", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { config } = controller;
  await fleet.addAgent("db-01");
  const other = await replaceAs08(fleet);
  const { registry } = controller.store;
  const record = (await registry.read()).agents.get("db-01");
  if (record === undefined) throw new Error("db-01 is not registered");
  writeAgent(config, { ...record, dispatcher_serial: other, serial_status: "current" });
  for (const step of restoreSteps(controller)) {
    await step.run();
    if (step.name === "mark") break;
  }
  expect((await registry.read()).agents.get("db-01")?.serial_status).toBe("pending");
});

test("an earlier certificate that came back by hand locks nobody out", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  await fleet.addAgent("web-01");
  const backup = [readFileSync(config.key), readFileSync(config.cert)] as const;
  await rotateNow(fleet.controller);
  await rotateNow(fleet.controller);
  const serial = inForce(fleet);
  fleet.folder.write("control/ctrl-exec.key", backup[0], 0o600);
  fleet.folder.write("control/ctrl-exec.crt", backup[1]);
  expect(inForce(fleet)).toBe(serial);
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  expect(await maintainOnce(fleet.controller)).toMatchObject({ problems: [] });
  expect([inForce(fleet), await fleet.runFailures(["web-01"])]).toEqual([serial, []]);
});

test("the copy outlives the overlap; setup-ctrl-exec makes another certificate on purpose", async () => {
  await using fleet = await LocalFleet.create(["cert_overlap_days = 30"]);
  const { controller } = fleet;
  const { credentials, inForce: copy } = paths(controller.config);
  await rotateNow(controller);
  fleet.passDays(40);
  await maintainOnce(controller);
  expect(readdirSync(credentials)).toEqual(["in-force.pem"]);
  const { serial } = await setupController(controller);
  expect(inForce(fleet)).toBe(serial);
  expect((await maintainOnce(controller)).replacedBy).toBeUndefined();
  expect(readFileSync(copy, "utf8")).toContain(inPlace(fleet));
});

const STEPS = [
  ...["commit", "keep the other", "stage", "mark"],
  ...["put the key in place", "put the certificate in place", "keep the copy"],
];

test.each(STEPS)(
  "T10 a crash after %s leaves every agent reachable, and the next pass ends it",
  async (name) => {
    await using fleet = await LocalFleet.create();
    const { controller } = fleet;
    await fleet.addAgent("web-01");
    const [serial, pem] = [inForce(fleet), inPlace(fleet)];
    await replaceAs08(fleet);
    const steps = restoreSteps(controller);
    expect(steps.map((step) => step.name)).toEqual(STEPS);
    for (const step of steps.slice(0, STEPS.indexOf(name) + 1)) await step.run();
    const again = fleet.restarted();
    expect(inForce(fleet)).toBe(serial);
    expect(await fleet.pingFailures(["web-01"], again)).toEqual([]);
    expect(await maintainOnce(again)).toMatchObject({ problems: [], stale: [] });
    expect([inForce(fleet), inPlace(fleet)]).toEqual([serial, pem]);
    expect(await fleet.runFailures(["web-01"])).toEqual([]);
  },
);
