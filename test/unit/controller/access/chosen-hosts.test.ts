/** What an expression comes to before the hook is asked, and the next steps of who asks from elsewhere. */
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { rmSync } from "node:fs";
import type { Caller } from "../../../../src/controller/access/authorize.ts";
import { chosenHosts, noSuchGroup } from "../../../../src/controller/access/chosen-hosts.ts";
import type { HostChoice } from "../../../../src/controller/fleet/host-choice.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const REQID = "a1b2c3d4e5f60718";

let fleet: LocalFleet;

beforeEach(async () => {
  fleet = await LocalFleet.bare(["max_hosts = 2"]);
  for (const hostname of ["web-01", "web-02", "db-01"]) {
    const record = { hostname, ip: "10.0.0.1" };
    fleet.folder.write(`control/state/agents/${hostname}.json`, JSON.stringify(record));
  }
});
afterEach(() => fleet[Symbol.asyncDispose]());

async function chosen(text: string, more: Partial<HostChoice> = {}, caller: Caller = CALLER) {
  const choice = { hosts: [text], port: undefined, ...more };
  return await chosenHosts(fleet.controller, caller, parseHostExpression(text), choice);
}

/** What is wrong with it, as a caller of the API is told. */
async function problem(text: string) {
  const { code, message, remoteHint } = (await (await chosen(text)).problem?.()) ?? {};
  return { code, message, remoteHint };
}

test("whoever is refused anyway is told nothing, and nothing is looked up for him", async () => {
  const refused = { ...CALLER, face: "api" } as const;
  expect(await chosen("web-*", {}, refused)).toEqual({ hosts: [] });
  expect(await chosen("@failed=0000000000000000", {}, refused)).toEqual({ hosts: [] });
});

test("hosts, each at its own port or at the call's, no more than may be asked", async () => {
  const { hosts, problem, notes } = await chosen("web-*:7450,db-01", { port: 7000 });
  expect(hosts).toEqual([
    { name: "web-01", port: 7450 },
    { name: "web-02", port: 7450 },
  ]);
  expect((await problem?.())?.message).toBe("3 hosts match; at most 2 at once");
  expect(notes?.()).toEqual([]);
  const two = await chosen("db-01,web-01", { port: 7000 });
  expect(two.hosts).toEqual([
    { name: "db-01", port: 7000 },
    { name: "web-01", port: 7000 },
  ]);
  expect(await two.problem?.()).toBeUndefined();
});

test.each([
  ["@all", "Ask fewer, with limit, except or a narrower expression."],
  ["x-*", "GET /discovery names every registered host."],
  ["wbe-01*", "Did you mean web-01?"],
  ["web-[03]", "Did you mean web-01?"],
  ["@version<1", "No host has reported its version: GET /discovery learns them."],
  ["@@void", "There is no host in @@void: the operator of the control host fills it."],
  ["@@nothing", "No route lists groups: the operator of the control host knows them."],
  ["@@viod", "Did you mean @@void?"],
])("%s: a caller of the API is told what he can do himself", async (text, remoteHint) => {
  fleet.folder.write("control/groups.d/x.toml", "[void]\nhosts = 'mail-*'");
  expect(await problem(text)).toMatchObject({ code: "bad-request", remoteHint });
});

test("where claims are ignored, he is told of this host's own tags", async () => {
  const { config } = fleet.controller;
  Object.assign(fleet.controller, { config: { ...config, agent_tags: "ignore" } });
  expect(await problem("@version<1")).toMatchObject({
    remoteHint: "Name those hosts, or use a tag of the control host's own.",
  });
});

test("the group that is not found comes first, and what is not known of a host after it", async () => {
  expect((await problem("@@nothing,web-[03]")).message).toContain("group @@nothing");
  expect((await problem("web-[03],@@nothing")).message).toContain("host web-03");
  const { message, hint } = await noSuchGroup(fleet.controller, "nothing");
  expect(`${message} ${hint}`).toBe(
    `Cannot find group @@nothing: no group has that name See: ctrl-exec list-groups --config ${fleet.controller.config.file}`,
  );
});

test("a sample is of those that match, in their order", async () => {
  for (const hosts of [1, 2]) {
    const { hosts: found, problem } = await chosen("@all", { limit: { hosts } });
    const names = found.map(({ name }) => name);
    expect([names.length, await problem?.()]).toEqual([hosts, undefined]);
    expect(["db-01", "web-01", "web-02"].filter((name) => names.includes(name))).toEqual(names);
  }
});

test("each of those that match is as likely to be in a sample as any other", async () => {
  using random = spyOn(Math, "random");
  const drawn = async (value: number) => {
    random.mockReturnValue(value);
    const { hosts } = await chosen("@all", { limit: { hosts: 1 } });
    return hosts.map(({ name }) => name);
  };
  expect([await drawn(0), await drawn(0.34), await drawn(0.99)]).toEqual([
    ["db-01"],
    ["web-01"],
    ["web-02"],
  ]);
});

test("a registry that cannot be read is told to whoever may know it", async () => {
  rmSync(fleet.folder.join("control/state/agents"), { recursive: true });
  fleet.folder.write("control/state/agents", "in the way");
  const { hosts, problem } = await chosen("@all");
  expect([hosts, (await problem?.())?.code]).toEqual([[], "config"]);
});

test("of a run, the first that goes on is what nobody has failed in yet", async () => {
  const { runs } = fleet.controller.store;
  const result = { script: "deploy", stdout: "", stderr: "", rtt: "1ms", reqid: REQID };
  const record = async (reqid: string, results: readonly RunResult[]) => {
    const hosts = results.map(({ host }) => host);
    const begun = await runs.begin(
      { reqid, script: "deploy", hosts, submitter: "", token: "" },
      false,
    );
    for (const each of results) begun.add({ ...each, reqid });
    await begun.close();
  };
  const ended = { ...result, exit: 0, state: "ended" } as const;
  const running = { ...result, exit: -1, state: "running", error: "no answer" } as const;
  const other = "0123456789abcdef";
  await record(other, [{ ...ended, host: "web-01" }]);
  await record(REQID, [
    { ...running, host: "web-01" },
    { ...running, host: "web-02" },
  ]);
  expect(await problem(`@failed=${other}`)).toMatchObject({
    remoteHint: "GET /discovery names every registered host.",
  });
  expect(await problem(`@failed=${other},@failed=${REQID}`)).toMatchObject({
    message: `Cannot find any host: no host matches "@failed=${other},@failed=${REQID}"`,
    remoteHint: `Run ${REQID} goes on on 2 hosts: see GET /status/${REQID}.`,
  });
});
