/** No run waits for the index of the run records, and where nobody lists runs there is none. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { ControlHost } from "../../support/fleet.ts";

test("nothing makes an index before somebody lists runs; then maintain keeps it up to date", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", { scripts: { hello: "echo hello" } });
  await agent.pair();
  await agent.serve();
  await control.mustRun("run", ["web-01", "hello"]);
  await control.mustRun("ping", ["web-01"]);
  await control.mustRun("maintain");
  const index = ["control", "state", "run-index.sqlite"];
  expect(control.folder.has(...index)).toBe(false);
  const { store } = await control.controller();
  expect((await store.runs.list({ limit: 10 })).runs).toHaveLength(1);
  await control.mustRun("run", ["web-01", "hello"]);
  await control.mustRun("maintain");
  using database = new Database(control.folder.join(...index), { readonly: true });
  expect(database.query("SELECT script, state FROM run JOIN run_host USING (reqid)").all()).toEqual(
    [1, 2].map(() => ({ script: "hello", state: "ended" })),
  );
});
