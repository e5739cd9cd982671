/** Tags and versions: learned from the agents, given by the control host, and meant by expressions. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";

let control: ControlHost;
let api: TestApi;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  for (const [name, tags] of [
    ["web-01", "env = production\nrole = web"],
    ["web-02", "env = test\nrole = web"],
    ["db-01", "env = production\nrole = db\nsite = Köln Süd"],
  ] as const) {
    await control.startAgent(name, { config: ["[tags]", tags], scripts: { report: "echo fine" } });
  }
  api = await TestApi.start(control);
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await control[Symbol.asyncDispose]();
});

async function hostsOf(...args: string[]): Promise<string[]> {
  const { out } = await control.mustRun("run", [...args, "report", "--json"]);
  return (JSON.parse(out) as { results: { host: string }[] }).results.map(({ host }) => host);
}

async function listed(): Promise<Readonly<Record<string, unknown>>[]> {
  return JSON.parse((await control.mustRun("list-agents", ["--json"])).out);
}

/** As if the file were lost. */
function forgetLearned(): void {
  const file = control.folder.join("control/state/learned.sqlite");
  for (const ending of ["", "-wal", "-shm"]) rmSync(file + ending, { force: true });
}

const TIME = expect.stringMatching(/^20\d\d-.*Z$/);

// Each test goes on from what those before it have taught the control host.

test("what nobody has reported is not true, and the caller is told so", async () => {
  const { status, out, err } = await control.run("run", ["@env!=production", "report"]);
  expect([status, out]).toEqual([2, ""]);
  expect(err).toContain('no host matches "@env!=production"');
  const named = await control.run("run", ["@env=production", "report"]);
  expect(named.err).toContain("The tags of 3 hosts are not known: discovery learns them.\n");
  const [agent] = await listed();
  expect(agent).toMatchObject({
    version: "",
    version_learned: "",
    own_tags: {},
    claimed_tags: null,
    tags_learned: "",
  });
});

test.each([
  ["ping", async () => void (await control.mustRun("ping", ["@all"]))],
  ["discovery", async () => void (await api.ask("GET", "/discovery"))],
])("a %s teaches the version and the tags", async (_, learn) => {
  forgetLearned();
  await learn();
  expect(await listed()).toMatchObject([
    { hostname: "db-01", claimed_tags: { env: "production", role: "db", site: "Köln Süd" } },
    { hostname: "web-01", claimed_tags: { env: "production", role: "web" }, tags_learned: TIME },
    {
      hostname: "web-02",
      claimed_tags: { env: "test", role: "web" },
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      version_learned: TIME,
      learned: TIME,
    },
  ]);
  expect(await hostsOf("@version>=1.0")).toEqual(["db-01", "web-01", "web-02"]);
  expect((await control.run("run", ["@version<1.0", "report"])).status).toBe(2);
});

test("expressions mean them, on the command line and in the API", async () => {
  expect(await hostsOf("@env=production")).toEqual(["db-01", "web-01"]);
  expect(await hostsOf("@role=web,env!=test")).toEqual(["web-01"]);
  expect(await hostsOf("@site='Köln Süd',web-02")).toEqual(["db-01", "web-02"]);
  expect(await hostsOf("@all", "--except", "@role=web,env=test")).toEqual(["db-01", "web-01"]);
  const { json } = await api.post("/run", { hosts: ["@role=db"], script: "report" });
  expect(json).toMatchObject({ results: [{ host: "db-01", exit: 0 }] });
  for (const [hosts, hint] of [
    ["@rol=db", "Did you mean @role=db?"],
    ["@env=prodution", "Did you mean @env=production?"],
    ["@role=mail", "No host has that value of role. There are: db, web"],
  ] as const) {
    const { status, err } = await control.run("run", [hosts, "report"]);
    expect([status, err]).toEqual([2, expect.stringContaining(`"${hosts}"\n${hint}\n`)]);
  }
});

test("what may be a slip is said on stderr, and in JSON as a warning", async () => {
  const vain = ["@all!@env=prodution"];
  const warnings = ["excludes no host: @env=prodution. Did you mean @env=production?"];
  for (const [mode, ...more] of [
    ["run", "report", "--json"],
    ["run", "report", "--dry-run", "--json"],
    ["ping", "--json"],
  ] as const) {
    const { out, err } = await control.mustRun(mode, [...vain, ...more]);
    expect(JSON.parse(out)).toMatchObject({ ok: 1, warnings });
    expect(err).toStartWith("excludes no host: @env=prodution\nDid you mean @env=production?\n");
  }
});

test("this host's own tags win over what is claimed, are logged, and outlast what was learned", async () => {
  const { out } = await control.mustRun("tag", ["web-*", "env=staging", "rack=7"]);
  expect(out).toBe("Changed the tags of web-[01-02].\n");
  expect(await hostsOf("@env=staging")).toEqual(["web-01", "web-02"]);
  await control.mustRun("tag", ["@rack=7!web-01", "env-"]);
  expect(await hostsOf("@env=staging")).toEqual(["web-01"]);
  expect(await hostsOf("@env=test")).toEqual(["web-02"]);
  const again = await control.mustRun("tag", ["web-01", "env=staging"]);
  expect(again.out).toBe("Nothing to change: web-01 had these tags already.\n");
  const shown = await control.mustRun("tag", ["web-[01-02]"]);
  expect(shown.out).toMatch(
    /^HOSTNAME +TAG +VALUE +SOURCE +AGE\n-.*\nweb-01 +env +staging +own\nweb-01 +rack +7 +own\nweb-01 +role +web +claimed +\d+s\nweb-02 +rack +7 +own\nweb-02 +env +test +claimed +\d+s\nweb-02 +role +web +claimed +\d+s\n$/,
  );
  const wide = await control.mustRun("list-agents", ["--wide"]);
  expect(wide.out).toMatch(/ VERSION +LAST REPORT +TAGS\n/);
  expect(wide.out).toMatch(/\nweb-01 .* env=staging rack=7; claimed \d+s ago: role=web\n/);
  await control.log.seen("tag");
  expect(control.log.of("tag").map(({ fields }) => fields)).toMatchObject([
    { AGENT: "web-01", TAGS: "env=staging,rack=7" },
    { AGENT: "web-02", TAGS: "env=staging,rack=7" },
    { AGENT: "web-02", REMOVED: "env" },
  ]);
  forgetLearned();
  expect(await hostsOf("@env=staging")).toEqual(["web-01"]);
  expect((await control.run("run", ["@role=web", "report"])).status).toBe(2);
});

test("a host that is unpaired takes with it what it reported, and one that is paired brings its tags", async () => {
  await api.ask("GET", "/discovery");
  expect(await hostsOf("@role=db")).toEqual(["db-01"]);
  await control.mustRun("unpair", ["db-01"]);
  const [db] = control.agents.filter(({ name }) => name === "db-01");
  await db!.stop();
  writeFileSync(db!.config, readFileSync(db!.config, "utf8").replace("role = db", "role = mail"));
  await db!.requestPairing();
  const [agent] = await listed();
  expect(agent).toMatchObject({
    hostname: "db-01",
    claimed_tags: { env: "production", role: "mail" },
    version: expect.stringMatching(/^\d/),
  });
  const dry = await control.mustRun("run", ["@all!@role=mail", "report", "--dry-run", "--json"]);
  expect(JSON.parse(dry.out).hosts).toMatchObject([{ host: "web-01" }, { host: "web-02" }]);
});

test.each([
  [["web-01", "env"], 'Cannot read the tag "env": it is neither key=value nor key-'],
  [["web-01", "env="], "env- removes the tag"],
  [["web-01", "a=1", "a-"], "a is given twice"],
  [["nobody-01", "env=x"], "Cannot find host nobody-01: nothing is registered under that name"],
  [["web-01", "none-"], "Cannot remove none: web-01 has no tag of that name"],
  [["@env==x"], 'env= needs a value: "" is an empty one'],
  [[], "tag needs <hosts>"],
])("tag %j changes nothing and ends 2", async (args, why) => {
  const { status, out, err } = await control.run("tag", args);
  expect([status, out, err]).toEqual([2, "", expect.stringContaining(why)]);
});

test("tag --json shows the hosts with their tags", async () => {
  await api.ask("GET", "/discovery");
  const { out } = await control.mustRun("tag", ["web-02", "rack-", "note=a, b", "--json"]);
  expect(JSON.parse(out)).toEqual([
    {
      hostname: "web-02",
      own_tags: { note: "a, b" },
      claimed_tags: { env: "test", role: "web" },
      tags_learned: TIME,
      changed: true,
    },
  ]);
});
