/** What an agent serves from, and what is said of its files. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { loadState, logStateWarnings } from "../../../../src/agent/state/state.ts";
import { StateKeeper } from "../../../../src/agent/state/state-keeper.ts";
import { loadTrust } from "../../../../src/agent/trust/trust.ts";
import { EventLog } from "../../../support/event-log.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let agent: LocalAgent;
beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01", { updateScript: null });
  await agent.stop();
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

test("scripts outside script_dirs are not listed, and slips in lines are warned of", async () => {
  const inside = fleet.folder.script("in/good.sh", "true");
  const outside = fleet.folder.script("out/bad.sh", "true");
  const file = fleet.folder.write(
    "mixed.conf",
    `good = ${inside}\nbad = ${outside}\nslip = ${fleet.folder.join("in/none")} timeuot=3\nupdate-ctrl-exec-serial = /no/update-ctrl-exec-serial\nworse\n`,
  );
  const config = {
    ...agent.config,
    script_dirs: [fleet.folder.join("in")],
    allowed_ips: ["::1", "x"],
  };
  const state = await loadState(config, file);
  expect([...state.allowlist.scripts.keys()]).toEqual(["good", "slip", "update-ctrl-exec-serial"]);
  const log = new EventLog("ctrl-exec-agent");
  logStateWarnings(state, [{ key: "prot", message: "unknown" }], log.log);
  expect(log.of("config-warn").map(({ fields }) => fields)).toEqual([
    { KEY: "prot", MSG: "unknown" },
    { KEY: "allowed_ips", MSG: '"x" is not an address or prefix' },
    { ENTRY: "worse", MSG: 'line 5 skipped: expected "name = /absolute/path"' },
    { ENTRY: "slip", MSG: expect.stringContaining("did you mean timeout=?") },
    { ENTRY: "bad", MSG: `rejected: ${outside} is not in one of script_dirs` },
  ]);
});

test("a list of revocations that is not there is said, and how depends on whether it was named", async () => {
  const said = async (namesRevocationFile: boolean, text?: string) => {
    const log = new EventLog("ctrl-exec-agent");
    const { revoked_serials: path } = agent.config;
    if (text !== undefined) fleet.folder.write("web-01/revoked-serials", text);
    const state = await loadState(
      { ...agent.config, namesRevocationFile },
      agent.path("scripts.conf"),
    );
    rmSync(path, { force: true });
    logStateWarnings(state, [], log.log);
    return log.events.map(({ action, level, fields }) => [action, level, fields.PATH]);
  };
  const { revoked_serials: path } = agent.config;
  expect(await said(true)).toEqual([["revoked-serials-absent", "err", path]]);
  expect(await said(false)).toEqual([["revoked-serials-absent", "info", path]]);
  expect(await said(true, "")).toEqual([]);
});

test("without its allowlist, its identity or the control host's serial there is no agent", async () => {
  const none = fleet.folder.join("none.conf");
  await expect(loadState(agent.config, none)).rejects.toMatchObject({
    code: "config",
    message: `Cannot read ${none}: no such file or folder`,
    hint: expect.stringContaining("--allowlist"),
  });
  const cert = fleet.folder.join("none.crt");
  expect(() => loadTrust({ ...agent.config, cert })).toThrow(
    expect.objectContaining({
      code: "config",
      message: `Cannot read ${cert}: this agent is not paired`,
      hint: expect.stringContaining("Pair it: ctrl-exec-agent request-pairing"),
    }),
  );
  const serial = fleet.folder.write("bad-serial", "what\n");
  expect(() => loadTrust({ ...agent.config, dispatcher_serial_path: serial })).toThrow(
    expect.objectContaining({
      code: "config",
      message: `Cannot use ${serial}: it contains no serial`,
      hint: expect.stringContaining("Pair this agent again: ctrl-exec-agent request-pairing"),
    }),
  );
});

test("a file that cannot be used any more is logged once, and again once it was repaired", async () => {
  const log = new EventLog("ctrl-exec-agent");
  const serial = fleet.folder.write("own-serial", "0a\n");
  const config = { ...agent.config, dispatcher_serial_path: serial };
  const keeper = new StateKeeper(await loadState(config, agent.path("scripts.conf")), log.log);
  const look = (text: string) => {
    fleet.folder.write("own-serial", text);
    for (const _ of [1, 2]) expect(keeper.current()).toBe(keeper.state);
    return log.of("reload-fail").length;
  };
  expect([look("0a\n"), look("what\n"), look("0b\n"), look("what\n")]).toEqual([0, 1, 1, 2]);
  expect(log.of("reload-fail")[0]?.fields).toEqual({
    ERROR: `Cannot use ${serial}: it contains no serial`,
  });
});
