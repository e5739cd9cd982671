/** The groups of groups.d and of group_command together. */
import { afterEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { listedDefinition } from "../../../../src/controller/groups/definition.ts";
import {
  allGroups,
  groupProblems,
  knownGroupNames,
  withGroups,
  withKnownGroups,
} from "../../../../src/controller/groups/groups.ts";
import { groupsWithHosts } from "../../../../src/controller/groups/list-groups.ts";
import { inOneLine } from "../../../../src/core/errors.ts";
import { termsOf } from "../../../../src/core/hosts/expression.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
afterEach(async () => await fleet[Symbol.asyncDispose]());

/** @param body of group_command, which leaves a mark when it is started; without it there is none */
async function setUp(file: string, body?: string): Promise<void> {
  fleet = await LocalFleet.bare();
  write(file);
  if (body === undefined) return;
  const mark = fleet.folder.join("started");
  const group_command = fleet.folder.script("command", `touch ${mark}\n${body}`);
  const { controller } = fleet;
  Object.assign(controller, { config: { ...controller.config, group_command } });
}

function write(text: string): void {
  fleet.folder.write("control/groups.d/x.toml", text);
}

const isStarted = () => existsSync(fleet.folder.join("started"));

async function expanded(text: string): Promise<string> {
  const terms = termsOf(await withGroups(fleet.controller, parseHostExpression(text)));
  return [...terms].map((term) => ("name" in term ? term.name : term.kind)).join(" ");
}

const FILE = `[web]\nhosts = ["a", "b"]`;
const COMMAND = `echo '{"web": ["c"], "db": ["d"]}'`;

test("group_command is asked if a group is not in groups.d, and groups.d wins", async () => {
  await setUp(FILE, COMMAND);
  expect([await expanded("x"), await expanded("@@web,x"), isStarted()]).toEqual([
    "x",
    "a b x",
    false,
  ]);
  expect([await expanded("@@db,@@web,@@no"), isStarted()]).toEqual(["d a b no", true]);
});

test("an expression without groups needs neither", async () => {
  await setUp("[web", "exit 1");
  expect([await expanded("x,@all"), isStarted()]).toEqual(["x all", false]);
  await expect(expanded("@@web")).rejects.toMatchObject({ code: "unusable" });
});

test("without group_command a group that is not in groups.d is not known", async () => {
  await setUp(FILE);
  expect(await expanded("@@db,@@web")).toBe("db a b");
});

test("all of them are listed, and those of groups.d alone where group_command has failed", async () => {
  await setUp(FILE, COMMAND);
  const { groups, problem } = await allGroups(fleet.controller);
  expect([...groups.values()].map(({ name, from }) => [name, from])).toEqual([
    ["web", "file"],
    ["db", "command"],
  ]);
  expect(problem).toBeUndefined();
  await fleet[Symbol.asyncDispose]();
  await setUp(FILE, "exit 3");
  const others = await allGroups(fleet.controller);
  expect([...others.groups.keys()]).toEqual(["web"]);
  expect(others.problem?.message).toContain("group_command ended with status 3");
});

test("names for suggestions are those that are known, and none if they cannot be read", async () => {
  await setUp(FILE, COMMAND);
  expect([await knownGroupNames(fleet.controller), isStarted()]).toEqual([["web"], false]);
  await allGroups(fleet.controller);
  expect(await knownGroupNames(fleet.controller)).toEqual(["db", "web"]);
  write("[web");
  expect(await knownGroupNames(fleet.controller)).toEqual([]);
});

test("by what is at hand, one that only the program knows stays; without groups nothing is read", async () => {
  await setUp(FILE, COMMAND);
  const { controller } = fleet;
  const { store } = controller;
  let reads = 0;
  const answer = async () => {
    reads += 1;
    return await store.groups.answer();
  };
  const groups = Object.assign(Object.create(store.groups), { answer });
  const known = async (text: string) => {
    const host = { ...controller, store: { ...store, groups } };
    const terms = termsOf(await withKnownGroups(host, parseHostExpression(text)));
    return [...terms].map((term) => ("name" in term ? term.name : term.kind)).join(" ");
  };
  expect([await known("x,@all"), reads]).toEqual(["x all", 0]);
  expect([await known("@@db,@@web"), reads, isStarted()]).toEqual(["db a b", 1, false]);
  await allGroups(controller);
  expect(await known("@@db,@@web")).toBe("d a b");
  write("[web");
  expect(await known("@@db,@@web")).toBe("db web");
});

test("what is wrong with groups.d is told before it is needed", async () => {
  await setUp(FILE);
  expect(await groupProblems(fleet.controller)).toEqual([]);
  write("[web]\nhost = 'a'");
  const found = async () => {
    return (await groupProblems(fleet.controller)).map(({ problem }) => inOneLine(problem));
  };
  expect(await found()).toEqual([expect.stringContaining("did you mean hosts?")]);
  write("[web]\nhosts = 'a'\n[none]\nhosts = []\n[own]\nhosts = '@@own'\n[far]\nhosts = '@@cloud'");
  expect(await found()).toEqual([
    expect.stringContaining("@@none of "),
    expect.stringContaining("@@own has @@own. See: ctrl-exec list-"),
  ]);
});

test("each is shown with its hosts, or with why it cannot be used", async () => {
  await setUp(
    `[web]\nhosts = ["web-01", "other:7450", "10.0.0.9"]
[set]\nhosts = "web-[01-02]"
[all]\nhosts = ["@@web", "@@none"]
[circle]\nhosts = "@@circle"`,
  );
  const record = { hostname: "web-01", ip: "10.0.0.1", expiry: "", paired: "" };
  fleet.folder.write("control/state/agents/web-01.json", JSON.stringify(record));
  const { groups } = await allGroups(fleet.controller);
  const wanted = [...groups.values()];
  const shown = await groupsWithHosts(fleet.controller, groups, wanted);
  const where = fleet.folder.join("control/groups.d/x.toml");
  const missing = "nothing is registered under that name";
  const web = ["web-01", "other:7450", "10.0.0.9"];
  const facts = { from: "file", where } as const;
  expect(shown).toEqual([
    { name: "web", ...facts, hosts: web, problem: undefined },
    {
      ...{ name: "set", ...facts, hosts: ["web-01", "web-02"] },
      problem: `Cannot find host web-02 of group @@set: ${missing}`,
    },
    {
      ...{ name: "all", ...facts, hosts: web },
      problem: `Cannot find group @@none of group @@all: ${missing}`,
    },
    {
      ...{ name: "circle", ...facts, hosts: [] },
      problem: `Cannot use group @@circle of ${where}: it contains itself: @@circle has @@circle`,
    },
  ]);
  const circle = wanted.filter(({ name }) => name === "circle");
  expect(await groupsWithHosts(fleet.controller, groups, circle)).toEqual(shown.slice(3));
});

test("names that no host can have are shown beside the hosts of their group, and of the groups that have it", async () => {
  await setUp(`[rest]\nhosts = "@all!@@db"`);
  const listed = (hosts: readonly string[], children: readonly string[] = []) => {
    return { expressions: [], hosts, children };
  };
  const groups = new Map([
    ...(await allGroups(fleet.controller)).groups,
    ["db", listedDefinition("db", "group_command", listed(["db-01", "db_1"]))] as const,
    ["all", listedDefinition("all", "group_command", listed(["x!"], ["db"]))] as const,
  ]);
  const shown = await groupsWithHosts(fleet.controller, groups, [...groups.values()]);
  expect(shown).toMatchObject([
    { name: "rest", hosts: [], problem: expect.stringContaining('the name "db_1"') },
    { name: "db", hosts: ["db-01"], problem: undefined, impossible: ["db_1"] },
    { name: "all", hosts: ["db-01"], problem: undefined, impossible: ["x!", "db_1"] },
  ]);
  expect(shown[0]).not.toHaveProperty("impossible");
});

test("where claims are ignored, a group that asks for a version cannot be used, and says so", async () => {
  await setUp(`[old]\nhosts = "@version<1.1"\n[none]\nhosts = "@env=x"`);
  const { config } = fleet.controller;
  Object.assign(fleet.controller, { config: { ...config, agent_tags: "ignore" } });
  const { groups } = await allGroups(fleet.controller);
  const shown = await groupsWithHosts(fleet.controller, groups, [...groups.values()]);
  expect(shown.map(({ hosts, problem }) => [hosts, problem])).toEqual([
    [[], "Cannot use @version: an agent claims its version, and agent_tags = ignore"],
    [[], undefined],
  ]);
});
