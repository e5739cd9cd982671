/** The folder join.d: what its files say, which of them count, and that one which cannot be used lets nobody in. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import {
  joinRuleProblems,
  rulesForHost,
  rulesForToken,
} from "../../../../src/controller/pairing/join-rules.ts";
import { asCtrlExecError, messageOf } from "../../../../src/core/errors.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;

beforeEach(async () => {
  fleet = await LocalFleet.bare();
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
});

function write(name: string, text: string): string {
  return fleet.folder.write(`control/join.d/${name}`, text);
}

/** The names of the rules, or why there is none. */
async function host(hostname: string, ip = "192.0.2.1", token = {}): Promise<unknown> {
  const ruling = await rulesForHost(fleet.controller.config, { hostname, ip }, token);
  if (ruling.kind === "allowed") return ruling.rules.map(({ rule }) => rule);
  return ruling.kind === "free" ? ruling.kind : ruling.why;
}

async function token(bounds: Parameters<typeof rulesForToken>[1]): Promise<unknown> {
  const ruling = await rulesForToken(fleet.controller.config, bounds);
  if (ruling.kind === "allowed") return ruling.rules.map(({ rule }) => rule);
  return ruling.kind === "free" ? ruling.kind : ruling.why;
}

/** What is said of it, for a host and for a token alike. */
async function problem(): Promise<string> {
  const refused = async (asked: Promise<unknown>) => {
    return await asked.then(() => expect.unreachable("it was judged"), asCtrlExecError);
  };
  const [one, other] = [await refused(host("web-01")), await refused(token({}))];
  expect([one.code, other.message]).toEqual(["config", one.message]);
  const warned = await joinRuleProblems(fleet.controller.config);
  expect(warned.map(({ folder }) => folder)).toEqual(["join.d"]);
  expect(messageOf(warned[0]?.problem)).toBe(one.message);
  return one.message;
}

test("without the folder, or with nothing in it, there is no rule", async () => {
  expect([await host("web-01"), await token({ replace: true })]).toEqual(["free", "free"]);
  mkdirSync(fleet.folder.join("control/join.d"));
  fleet.folder.write("control/join.d/.web.toml.swp", "[");
  expect([await host("web-01"), await token({})]).toEqual(["free", "free"]);
  expect(await joinRuleProblems(fleet.controller.config)).toEqual([]);
});

test("T31 one rule must allow name, network and tags; the others' reasons are named", async () => {
  write("web.toml", 'names = ["Web-*"]\nnetworks = ["192.0.2.0/24", "2001:db8::/32"]');
  write("db.toml", 'names = ["db-*"]\ntags = { role = ["db"] }\nreplace = true');
  expect(await host("web-01")).toEqual(["web"]);
  expect(await host("web-01", "::ffff:192.0.2.9")).toEqual(["web"]);
  expect(await host("web-01", "2001:db8::9")).toEqual(["web"]);
  expect(await host("db-01", "198.51.100.1", { tags: { role: "db" } })).toEqual(["db"]);
  expect(await host("web-01", "198.51.100.1")).toBe("db: other names; web: other networks");
  expect(await host("web-01", "192.0.2.1", { tags: { role: "db" } })).toBe(
    "db: other names; web: no tag role=db",
  );
});

test("T31 a token is made if a host may join with it: what it does not bound, the rules do", async () => {
  write("web.toml", 'names = ["web-*"]\nnetworks = ["192.0.2.0/24", "2001:db8::/32"]');
  write("db.toml", 'names = ["db-*"]\ntags = { role = ["db"] }\nreplace = true');
  expect(await token({})).toEqual(["db", "web"]);
  expect(await token({ name: "web-0*", from: ["192.0.2.128/25"] })).toEqual(["web"]);
  expect(await token({ name: "web-0*", from: ["192.0.0.0/8", "203.0.113.0/24"] })).toEqual(["web"]);
  expect(await token({ name: "web-*", from: ["2001:db8:1::/48"] })).toEqual(["web"]);
  expect(await token({ name: "web-*", from: ["203.0.113.0/24"] })).toBe(
    "db: other names; web: other networks",
  );
  expect(await token({ name: "web-*", from: ["::/0"] })).toEqual(["web"]);
  expect(await token({ replace: true })).toEqual(["db"]);
  expect(await token({ name: "app-*" })).toBe("db: other names; web: other names");
});

test.each([
  ["", "names: expected a list of patterns"],
  ["names = []", "names: expected a list of patterns"],
  ['names = ["web_*"]', "names: expected a list of patterns"],
  ['names = "web-*"', "names: expected a list of patterns"],
  ['names = ["*"]\nnetworks = []', "networks: expected a list of networks"],
  ['names = ["*"]\nnetworks = ["10.0.0.0/33"]', "networks: expected a list of networks"],
  ['names = ["*"]\ntags = ["role"]', "tags: expected keys"],
  ['names = ["*"]\ntags = { role = "web" }', "tags: expected keys"],
  ['names = ["*"]\ntags = { role = [] }', "tags: expected keys"],
  ['names = ["*"]\nreplace = "yes"', "replace: expected true or false"],
  ['names = ["*"]\nnetwork = ["10.0.0.0/8"]', '"network": unknown key; did you mean networks?'],
  [
    'names = ["*"]\n[[rule]]',
    '"rule": unknown key; expected one of names, networks, tags, replace',
  ],
  ["names = [", "Cannot read"],
])("T31 a file that cannot be used lets nobody in, and is named: %j", async (text, why) => {
  write("all.toml", 'names = ["*"]');
  const file = write("web.toml", text);
  const said = await problem();
  expect(said).toContain(file);
  expect(said).toContain(why);
});

test("T31 T62 a file or folder that others can write to lets nobody in, nor does a name that the log cannot have", async () => {
  const file = write("web.toml", 'names = ["*"]');
  chmodSync(file, 0o666);
  expect(await problem()).toContain(`${file}: it can be written by its group`);
  chmodSync(file, 0o644);
  expect(await host("web-01")).toEqual(["web"]);
  chmodSync(fleet.folder.join("control/join.d"), 0o777);
  expect(await problem()).toContain("join.d: it can be written by its group and others");
  chmodSync(fleet.folder.join("control/join.d"), 0o755);
  write("all hosts.toml", 'names = ["*"]');
  expect(await problem()).toContain("all hosts.toml: its name has other characters");
});

test("T31 files whose names do not end in .toml are not taken for no rules", async () => {
  const file = write("web.conf", 'names = ["web-*"]');
  expect(await problem()).toContain("no file in it ends in .toml");
  rmSync(file);
  expect(await host("db-01")).toBe("free");
});

test("T31 a folder that is a link to nothing is not taken for no rules, as one to an empty folder is", async () => {
  symlinkSync("rules", fleet.folder.join("control/join.d"));
  expect(await problem()).toContain("join.d: it is a link to nothing");
  mkdirSync(fleet.folder.join("control/rules"));
  expect(await host("web-01")).toBe("free");
});

test("T31 more files than a control host needs are refused", async () => {
  for (let at = 0; at < 101; at++) write(`r${at}.toml`, 'names = ["*"]');
  expect(await problem()).toContain("more than 100 files");
});

test("T31 a change counts at once, and of many rules a few are named", async () => {
  write("a.toml", 'names = ["web-*"]');
  expect(await host("web-01")).toEqual(["a"]);
  write("a.toml", 'names = ["db-*"]');
  expect(await host("web-01")).toBe("a: other names");
  for (const name of ["b", "c", "d", "e", "f", "g"]) write(`${name}.toml`, 'names = ["db-*"]');
  expect(await host("web-01")).toEndWith("e: other names; and 2 more");
});
