/** Who is told what of a run. */
import { expect, test } from "bun:test";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const REQID = "0123456789abcdef";

test.each([
  ["denied", 1],
  ["damaged", 0],
] as const)("T25 of a damaged record: %s by a hook that ends with %d", async (code, verdict) => {
  await using fleet = await LocalFleet.bare();
  const hook = fleet.folder.script("hook", `exit ${verdict}`);
  const controller = {
    ...fleet.controller,
    config: { ...fleet.controller.config, auth_hook: hook },
  };
  fleet.folder.write(`control/state/runs/${REQID}.json`, "{ cut");
  await expect(showRun(controller, CALLER, { reqid: REQID, live: true })).rejects.toMatchObject({
    code,
  });
});

test("T24 a hook that breaks at its first question does not make another's run look as if there were none", async () => {
  await using fleet = await LocalFleet.bare();
  const hook = fleet.folder.script("hook", 'test -z "$ENVEXEC_SUBMITTER" || kill -9 $$');
  const { config } = fleet.controller;
  const controller = { ...fleet.controller, config: { ...config, auth_hook: hook } };
  const record = { reqid: REQID, submitter: "alice", script: "x", hosts: ["a"], results: [] };
  fleet.folder.write(`control/state/runs/${REQID}.json`, JSON.stringify(record));
  const shown = expect(showRun(controller, CALLER, { reqid: REQID, live: true })).rejects;
  await shown.toMatchObject({ code: "denied", reason: "hook killed by SIGKILL" });
});

test.each([
  ["hides a run from the caller", '[ -z "$ENVEXEC_SUBMITTER" ] && exit 0; exit 3', "not-found"],
  ["lets the caller see no run", '[ -z "$ENVEXEC_SUBMITTER" ] && exit 2; exit 3', "denied"],
  ["lets the caller see it", "exit 0", undefined],
])("a hook that %s is logged once", async (_, body, code) => {
  await using fleet = await LocalFleet.bare();
  const hook = fleet.folder.script("hook", body);
  const controller = {
    ...fleet.controller,
    config: { ...fleet.controller.config, auth_hook: hook },
  };
  const facts = { reqid: REQID, script: "s", hosts: ["a"], submitter: "alice", token: "" };
  expect(await (await controller.store.runs.begin(facts, true)).stored).toBe(true);
  const shown = await showRun(controller, CALLER, { reqid: REQID, live: false }).then(
    () => undefined,
    (thrown) => asCtrlExecError(thrown),
  );
  expect(shown?.code as string | undefined).toBe(code);
  const logged = fleet.log.of("auth").map(({ fields }) => fields);
  expect(logged).toHaveLength(1);
  expect(logged[0]?.RESULT).toBe(code === undefined ? "pass" : "deny");
  // What is logged is what the caller is told, when he is told a reason.
  if (code === "denied") expect(shown?.message).toBe(`Denied: ${logged[0]?.REASON}`);
});

test("who is refused without a token is told how to give one, and with one is not", async () => {
  await using fleet = await LocalFleet.bare();
  const hook = fleet.folder.script("hook", "exit 2");
  const controller = {
    ...fleet.controller,
    config: { ...fleet.controller.config, auth_hook: hook },
  };
  const hintFor = async (token: string) =>
    await showRun(controller, { ...CALLER, token }, { reqid: REQID, live: false }).catch(
      (thrown) => asCtrlExecError(thrown).hint,
    );
  expect(await hintFor("")).toContain(", without a token; --token-file gives one,");
  expect(await hintFor("abc")).toEndWith("; --username names another.");
});
