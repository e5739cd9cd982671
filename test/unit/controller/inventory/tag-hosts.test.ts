/** This host's own tags: who may be tagged, what is changed, and what is told of it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { tagHosts } from "../../../../src/controller/inventory/tag-hosts.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { readTagChanges } from "../../../../src/core/tags.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;

beforeEach(async () => {
  fleet = await LocalFleet.bare();
  for (const hostname of ["web-01", "Web-02", "db-01"]) {
    const record = { hostname, ip: "192.0.2.7", of_a_later_version: [1] };
    fleet.folder.write(`control/state/agents/${hostname}.json`, JSON.stringify(record));
  }
});
afterEach(() => fleet[Symbol.asyncDispose]());

async function tag(hosts: string, ...words: readonly string[]) {
  return await tagHosts(fleet.controller, CALLER, hosts, readTagChanges(words));
}

/** The own tags of each of the hosts. */
async function own(hosts = "@all") {
  return Object.fromEntries((await tag(hosts)).map(({ hostname, tags }) => [hostname, tags.own]));
}

async function refusal(hosts: string, ...words: readonly string[]) {
  const { code, message, hint } = await tag(hosts, ...words).then(
    () => expect.unreachable("it was not refused"),
    asCtrlExecError,
  );
  return { code, message, hint };
}

test("tags are set and removed, on all of the hosts that an expression means", async () => {
  const changed = await tag("web-*", "env=test", "rack=7");
  const after = { env: "test", rack: "7" };
  expect(changed.map(({ hostname, tags, changed: is }) => [hostname, tags.own, is])).toEqual([
    ["web-01", after, true],
    ["Web-02", after, true],
  ]);
  await tag("@rack=7!web-01", "env=production", "rack-");
  expect(await own()).toEqual({
    "db-01": {},
    "web-01": { env: "test", rack: "7" },
    "Web-02": { env: "production" },
  });
  const file = fleet.folder.join("control/state/agents/Web-02.json");
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ of_a_later_version: [1] });
  await tag("WEB-02", "env-");
  expect(JSON.parse(readFileSync(file, "utf8")).tags).toBeUndefined();
});

test("each change is logged, and what is so already is left alone", async () => {
  await tag("web-*", "env=test");
  const again = await tag("@all", "env=test");
  expect(again.map(({ changed }) => changed)).toEqual([true, false, false]);
  await tag("db-01", "role=db", "site=a,env=b", "env-");
  await tag("db-01");
  expect(fleet.log.of("tag").map(({ fields }) => fields)).toEqual([
    { AGENT: "web-01", TAGS: "env=test" },
    { AGENT: "Web-02", TAGS: "env=test" },
    { AGENT: "db-01", TAGS: "env=test" },
    { AGENT: "db-01", TAGS: 'role=db,site="a,env=b"', REMOVED: "env" },
  ]);
});

test("who only looks needs no lock, and not the right to take one", async () => {
  rmSync(fleet.folder.join("control/state/locks"), { recursive: true, force: true });
  fleet.folder.write("control/state/locks", "in the way");
  expect(await own("db-01")).toEqual({ "db-01": {} });
  expect((await refusal("db-01", "env=x")).message).toContain("locks");
});

test("what is claimed is shown beside them, without what an own tag wins over", async () => {
  const tags = { env: "production", role: "db" };
  await fleet.controller.store.learned.learn(new Map([["Web-02", { tags }]]));
  await tag("Web-02", "env=test");
  const [found] = await tag("Web-02");
  expect(found?.tags).toMatchObject({
    own: { env: "test" },
    claimed: { role: "db" },
    claimedAt: fleet.now,
    tooLong: false,
  });
  const [other] = await tag("db-01");
  expect(other?.tags).toMatchObject({ own: {}, claimed: {}, claimedAt: undefined });
});

test.each<[string, string[], string, string]>([
  ["nobody", ["env=x"], "Cannot find host nobody: nothing is registered", "list-agents"],
  ["web-01,wbe-01", ["env=x"], "Cannot find host wbe-01", "Did you mean web-01?"],
  ["@env=x", ["env=y"], 'no host matches "@env=x"', "The tags of 3 hosts are not known"],
  ["web-[", ["env=x"], "[ is not closed", "A node set"],
  ["@all", ["env=x", "role-"], "Cannot remove role: none of 3 hosts has a tag", "claims"],
  ["web-01", ["role-"], "Cannot remove role: web-01 has no tag", "claims"],
])("tag %s %j is refused, and nothing is changed", async (hosts, words, message, hint) => {
  expect(await refusal(hosts, ...words)).toEqual({
    code: "bad-request",
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
  expect(await own()).toEqual({ "web-01": {}, "Web-02": {}, "db-01": {} });
});

test("a slip in a key that is removed is told", async () => {
  await tag("web-01", "environment=x");
  expect(await refusal("web-*", "enviroment-")).toMatchObject({
    hint: "Did you mean environment-?",
  });
});

test("a host has no more than 64 of them, and then none is changed", async () => {
  const words = Array.from({ length: 64 }, (_, key) => `k${key}=x`);
  await tag("db-01", ...words);
  expect(await refusal("@all", "one=more")).toMatchObject({
    code: "bad-request",
    message: "Cannot tag db-01: it would have more than 64 tags of this control host",
    hint: "Nothing was changed. Remove some: ctrl-exec tag <host> key-",
  });
  expect((await own("web-01"))["web-01"]).toEqual({});
});

test("a record whose tags are damaged is broken: its claims must not win", async () => {
  const path = "control/state/agents/db-01.json";
  fleet.folder.write(path, JSON.stringify({ hostname: "db-01", tags: { env: 5 } }));
  await fleet.controller.store.learned.learn(new Map([["db-01", { tags: { env: "x" } }]]));
  expect(await refusal("db-01")).toMatchObject({
    code: "config",
    message: expect.stringContaining("tags: expected an object of texts"),
  });
  expect(await refusal("@env=x")).toMatchObject({ code: "bad-request" });
});
