/** What an agent refuses in two words comes with the next step, on every screen. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ControlHost } from "../../support/fleet.ts";

const PAIR_AGAIN =
  "pair it again, on that host: ctrl-exec-agent request-pairing --dispatcher <this host>";
const MISMATCH = `serial mismatch: it knows this control host by another certificate; ${PAIR_AGAIN}`;

test("serial mismatch and stale say what to do; the data keeps the agent's words", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { scripts: { greet: "echo hi" } });
  control.folder.write("web-01/ctrl-exec-serial", "b2\n");
  const { out, status } = await control.run("run", ["web-01", "greet"]);
  expect(status).toBe(1);
  expect(out).toContain(`    ERROR: ${MISMATCH}\n`);
  expect((await control.run("ping", ["web-01"])).err).toContain(`web-01: ${MISMATCH}\n`);
  const json = await control.run("run", ["web-01", "greet", "--json"]);
  expect(JSON.parse(json.out).results[0].error).toBe("serial mismatch");
  expect((await control.run("maintain")).out).toContain(`Still to be told: web-01 (${MISMATCH})\n`);
  expect((await control.run("rotate-cert")).out).toContain(`web-01: pending (${MISMATCH})\n`);

  // As when the overlap is over.
  const path = control.folder.join("control", "state", "rotation.json");
  const rotation = JSON.parse(readFileSync(path, "utf8"));
  const over = { ...rotation, overlap_expires: rotation.rotated_at };
  control.folder.write("control/state/rotation.json", JSON.stringify(over), 0o640);
  const stale = `Stale: web-01\nEach of them: ${PAIR_AGAIN}\n`;
  for (let pass = 0; pass < 2; pass++) {
    expect((await control.run("maintain")).out).toContain(stale);
  }
  for (const mode of ["list-agents", "serial-status"]) {
    expect((await control.run(mode)).err).toContain(stale);
  }
  await agent.stop();
  await agent.pair();
  await agent.serve();
  expect((await control.run("maintain")).out).not.toContain("Stale");
  expect((await control.mustRun("list-agents")).err).toBe("");
}, 60_000);
