/** The index of the run records is the maintenance's to make: no run waits for it. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { ControlHost } from "../../support/fleet.ts";

test("a run and a ping leave the index to maintain, which makes it", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", { scripts: { hello: "echo hello" } });
  await agent.pair();
  await agent.serve();
  await control.mustRun("run", ["web-01", "hello"]);
  await control.mustRun("ping", ["web-01"]);
  const index = ["control", "state", "run-index.sqlite"];
  expect(control.folder.has(...index)).toBe(false);
  await control.mustRun("maintain");
  using database = new Database(control.folder.join(...index), { readonly: true });
  expect(database.query("SELECT script, state FROM run JOIN run_host USING (reqid)").all()).toEqual(
    [{ script: "hello", state: "ended" }],
  );
});
