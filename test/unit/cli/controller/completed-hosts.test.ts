import { expect, test } from "bun:test";
import {
  completedHosts,
  type Sources,
  unquoted,
} from "../../../../src/cli/controller/completed-hosts.ts";

const NAMES = ["db-01", "web-01", "web-02"];

const TAGS = {
  env: ["test", "production"],
  role: [
    "db",
    "web",
    "$(reboot)",
    "a b",
    "x;y",
    "`z`",
    "'",
    '"',
    "a\nb",
    "",
    "*",
    "~",
    "a=b",
    "\\",
  ],
  rack: ["r:1", "r/2", "7"],
  all: ["1"],
  "a b": ["1"],
  "$(reboot)": ["1"],
};

const read: string[] = [];

const SOURCES: Sources = {
  names: async () => {
    read.push("names");
    return NAMES;
  },
  groups: async () => {
    read.push("groups");
    return ["@@backends", "@@frontends"];
  },
  facts: async () => {
    read.push("facts");
    return {
      tags: new Map(Object.entries(TAGS).map(([key, values]) => [key, new Set(values)])),
      versions: new Set(["1.1.0", "1.0.2", "1.2;reboot"]),
    };
  },
  runs: async (which) => {
    read.push("runs");
    return which === "failed" ? ["b1b2c3d4e5f60718", "a1b2c3d4e5f60718"] : ["c1b2c3d4e5f60718"];
  },
};

const STATES = ["@all", "@stale", "@expiring=", "@failed=", "@missed=", "@version<"];
const KEYS = ["env=", "rack=", "role="];

test.each<[string, string[]]>([
  ["", NAMES],
  ["we", ["web-01", "web-02"]],
  ["x", []],
  ["db-01,we", ["db-01,web-01", "db-01,web-02"]],
  ["'db-01 & we", ["db-01 & web-01", "db-01 & web-02"]],
  ["'@all!db", ["@all!db-01"]],
  ["'(we", ["(web-01", "(web-02"]],
  ["'(db-01,web-01)&", ["(db-01,web-01)&db-01", "(db-01,web-01)&web-01", "(db-01,web-01)&web-02"]],
  ["'(db-01)", []],
  ["@", [...STATES, ...KEYS.map((key) => `@${key}`), "@@backends", "@@frontends"]],
  ["@@", ["@@backends", "@@frontends"]],
  ["db-01,@@f", ["db-01,@@frontends"]],
  ["web-01,@st", ["web-01,@stale"]],
  ["@failed=", ["@failed=b1b2c3d4e5f60718", "@failed=a1b2c3d4e5f60718"]],
  ["@failed=a", ["@failed=a1b2c3d4e5f60718"]],
  ["web-01,@missed=", ["web-01,@missed=c1b2c3d4e5f60718"]],
  ["@failed<", []],
  ["web-[01,0", []],
  ["web-[01,02],d", ["web-[01,02],db-01"]],
])("%j goes on with %j", async (typed, words) => {
  expect(await completedHosts(typed, SOURCES)).toEqual(words);
});

test.each<[string, string[]]>([
  ["@r", ["@rack=", "@role="]],
  ["@env=", ["@env=production", "@env=test"]],
  ["@env=p", ["@env=production"]],
  ["@env!=t", ["@env!=test"]],
  ["'@env!=t", ["@env!=test"]],
  ["web-01,@env=t", ["web-01,@env=test"]],
  ["'@env=production&@ro", ["@env=production&@role="]],
  ["'@all!(@role=db&@env=t", ["@all!(@role=db&@env=test"]],
  ["@rack=r", ["@rack=r/2", "@rack=r:1"]],
  // A comma behind a tag may go on with a host, or with a further condition.
  ["@role=db,e", ["@role=db,env="]],
  ["@role=db,w", ["@role=db,web-01", "@role=db,web-02"]],
  ["@role=db,env!=t", ["@role=db,env!=test"]],
  ["@role=db,env!=test,rack=7", ["@role=db,env!=test,rack=7"]],
  ["web-01,@role=db,env=t", ["web-01,@role=db,env=test"]],
  ["web-01,e", []],
  ["web-01,env=t", []],
  ["@role=db&env=t", []],
  ["@role=db,web-01,env=t", []],
  ["@failed=a1b2c3d4e5f60718,e", []],
  ["@no=", []],
  ["@all=", []],
  ["@all!=", []],
  ["@env<", []],
  ["'@version<", ["@version<1.0.2", "@version<1.1.0"]],
  ["'@version>=1.1", ["@version>=1.1.0"]],
  ["@version=", ["@version=1.0.2", "@version=1.1.0"]],
  ["@version!=", []],
])("of tags and versions, %j goes on with %j", async (typed, words) => {
  expect(await completedHosts(typed, SOURCES)).toEqual(words);
});

test("T78 a value or a key that a shell or an expression could take for something else is not offered", async () => {
  expect(await completedHosts("@role=", SOURCES)).toEqual(["@role=db", "@role=web"]);
  expect(await completedHosts("@$", SOURCES)).toEqual([]);
  expect(await completedHosts("'@a", SOURCES)).toEqual(["@all"]);
});

test("nothing is read that is not needed", async () => {
  for (const [typed, needed] of [
    ["web", "names"],
    ["web-01,@@f", "groups"],
    ["@env=", "facts"],
    ["@failed=", "runs"],
    ["@failed<", ""],
    ["env=", ""],
  ] as const) {
    read.length = 0;
    await completedHosts(typed, SOURCES);
    expect(read.join(), typed).toBe(needed);
  }
});

test.each([
  ["web-01", "web-01"],
  ["'web-*'", "web-*"],
  ["'web-*", "web-*"],
  ['"@all!x"', "@all!x"],
  ["web\\*\\ x", "web* x"],
  ["'", ""],
])("%j is %j without the shell's marks", (typed, text) => {
  expect(unquoted(typed)).toBe(text);
});
