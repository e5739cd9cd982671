import { expect, test } from "bun:test";
import { rotationFindings } from "../../../../../src/controller/upkeep/doctor/rotation.ts";
import { rotateNow } from "../../../../../src/controller/upkeep/rotate-now.ts";
import { faults } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

test("who has not confirmed a rotation is a fault only when the overlap is nearly over, or is", async () => {
  await using fleet = await LocalFleet.create(["cert_overlap_days = 8"]);
  const { controller } = fleet;
  const found = async () => {
    const { agents } = await controller.store.registry.read();
    return await rotationFindings(controller, agents);
  };
  const [none] = await found();
  expect(none?.detail).toBe("no host is registered");
  const agent = await fleet.addAgent("web-01");
  const [all] = await found();
  expect([all?.ok, all?.detail]).toEqual([true, "every host knows this serial"]);
  await agent.stop();
  await rotateNow(controller);
  fleet.passDays(5.9);
  const [early] = await found();
  expect([early?.ok, early?.detail]).toEqual([
    true,
    expect.stringContaining("web-01 must still be told (pending); the overlap ends "),
  ]);
  fleet.passDays(0.2);
  const [late] = await found();
  expect([late?.ok, late?.detail]).toEqual([false, early?.detail as string]);
  expect(late?.remedy).toContain("ctrl-exec maintain");
  fleet.passDays(2);
  const [stale] = await found();
  expect([stale?.ok, stale?.detail]).toEqual([false, "web-01 missed it for good (stale)"]);
  expect(stale?.remedy).toContain("pair it again");
  fleet.folder.write("control/state/rotation.json", "{");
  expect(faults(await found())).toEqual([expect.stringContaining("rotation.json: not JSON")]);
  // It was not logged: nothing happened.
  expect(fleet.log.of("rotation-state-corrupt")).toEqual([]);
});
