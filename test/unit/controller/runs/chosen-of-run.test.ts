/** Expressions that stand for hosts of a run, whatever is registered. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chosenOfRun, readRunHosts } from "../../../../src/controller/runs/chosen-of-run.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { addDays, opensslTime } from "../../../../src/core/time.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const RUN = {
  reqid: "0123456789abcdef",
  hosts: ["web-02", "WEB-01", "db-01", "10.0.0.1:7443", "10.0.0.1:7450", "stranger"],
};
const OTHER = "a1b2c3d4e5f60718";

let fleet: LocalFleet;

beforeAll(async () => {
  fleet = await LocalFleet.create();
  for (const [hostname, days] of [
    ["web-01", 10],
    ["web-02", 100],
    ["web-03", 10],
  ] as const) {
    const expiry = opensslTime(addDays(fleet.now, days));
    fleet.folder.write(
      `control/state/agents/${hostname}.json`,
      JSON.stringify({ hostname, ip: "10.0.0.9", expiry }),
    );
  }
  fleet.folder.write(
    "control/groups.d/a.toml",
    '[front]\nhosts = ["web-[02-09]", "stranger", "nobody"]\n',
  );
  const facts = { reqid: OTHER, script: "x", submitter: "", token: "" };
  const record = await fleet.controller.store.runs.begin(
    { ...facts, hosts: ["web-01", "elsewhere"] },
    false,
  );
  const result = { script: "x", stdout: "", stderr: "", rtt: "1ms", reqid: OTHER } as const;
  record.add({ ...result, host: "web-01", exit: 3, state: "ended" });
  record.add({ ...result, host: "elsewhere", exit: 3, state: "ended" });
  await record.close();
});
afterAll(async () => await fleet[Symbol.asyncDispose]());

const chosen = async (hosts: readonly string[], except?: readonly string[]) =>
  await chosenOfRun(fleet.controller, CALLER, RUN, readRunHosts(hosts, except));

test.each<[readonly string[], readonly string[], readonly string[]]>([
  [[], [], RUN.hosts],
  [["db-01"], [], ["db-01"]],
  [["web-*"], [], ["web-02", "WEB-01"]],
  [["web-[01-02]", "web-01"], [], ["web-02", "WEB-01"]],
  [["@all!web-*"], [], ["db-01", "10.0.0.1:7443", "10.0.0.1:7450", "stranger"]],
  [["@all!10.0.0.1"], ["web-*"], ["db-01", "stranger"]],
  [["10.0.0.1:7450"], [], ["10.0.0.1:7450"]],
  [["10.0.0.1"], [], ["10.0.0.1:7443", "10.0.0.1:7450"]],
  [[], ["10.0.0.1:7450", "web-*"], ["db-01", "10.0.0.1:7443", "stranger"]],
  [["@expiring=20d"], [], ["WEB-01"]],
  [[`@failed=${OTHER}`], [], ["WEB-01"]],
  [["@@front"], [], ["web-02", "stranger"]],
  [["@all!@@front"], ["10.0.0.1"], ["WEB-01", "db-01"]],
  [["@all"], [`@failed=${OTHER}`, "10.0.0.1"], ["web-02", "db-01", "stranger"]],
])("%j without %j", async (hosts, except, meant) => {
  expect(await chosen(hosts, except)).toEqual(meant);
});

test.each<[readonly string[], readonly string[], string]>([
  [["web-03"], [], "Cannot find web-03: it is not one of the hosts of run 0123456789abcdef"],
  [["web-[01-03]"], [], "Cannot find web-03: it is not"],
  [["@all"], ["web-03"], "Cannot find web-03: it is not"],
  [["10.0.0.1:7451"], [], "Cannot find 10.0.0.1:7451: it is not"],
  [["@@none"], [], "Cannot find group @@none"],
  [["x-*"], [], "Cannot find any host of run 0123456789abcdef"],
  [["@failed=0000000000000000"], [], "Cannot find run 0000000000000000"],
])("%j without %j is refused", async (hosts, except, why) => {
  const refused = await chosen(hosts, except).then(
    () => expect.unreachable("it was not refused"),
    asCtrlExecError,
  );
  expect(refused.message).toContain(why);
});

test("the hosts of the run are named by whoever is refused one, folded", async () => {
  const refused = await chosen(["web-03"]).catch(asCtrlExecError);
  expect(refused).toMatchObject({
    hint: "Its hosts: 10.0.0.1:7443, 10.0.0.1:7450, db-01, stranger, WEB-01, web-02",
  });
});

test("what cannot be read is refused before anything is looked up", () => {
  expect(() => readRunHosts(["web-["])).toThrow("[ is not closed");
  expect(() => readRunHosts([], ["@nothing"])).toThrow("@nothing has no meaning");
});
