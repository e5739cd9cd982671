/** The hosts that an expression stands for: what the hook is told, and what a caller may know (T67, T76). */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import type { Caller } from "../../../../src/controller/access/authorize.ts";
import { authorizedHosts } from "../../../../src/controller/access/authorized-hosts.ts";
import type { ChoiceNote, HostChoice } from "../../../../src/controller/fleet/host-choice.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { addDays, isoSeconds, opensslTime } from "../../../../src/core/time.ts";
import { TestFolder } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const ACTION = { action: "ping", script: "", args: [] } as const;
const REQID = "a1b2c3d4e5f60718";

let folder: TestFolder;
let fleet: LocalFleet;

beforeEach(() => {
  folder = new TestFolder();
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** A hook that refuses whoever gives the token "no", and to read a run whoever gives "unread". */
async function setUp(lines: readonly string[] = []): Promise<void> {
  const hook = folder.script(
    "hook",
    [
      `cat >>${folder.join("told")}`,
      '[ "$ENVEXEC_TOKEN" != no ] || exit 1',
      '[ "$ENVEXEC_TOKEN$ENVEXEC_ACTION" != unreadread ] || exit 3',
    ].join("\n"),
  );
  fleet = await LocalFleet.create([`auth_hook = ${hook}`, ...lines]);
  for (const [hostname, days] of [
    ["web-01", 10],
    ["web-02", 100],
    ["db-01", 100],
  ] as const) {
    const expiry = opensslTime(addDays(fleet.now, days));
    const record = { hostname, ip: `10.0.0.${days}`, expiry, paired: isoSeconds(fleet.now) };
    fleet.folder.write(`control/state/agents/${hostname}.json`, JSON.stringify(record));
  }
}

async function choose(choice: Partial<HostChoice>, token = ""): Promise<string[]> {
  const caller: Caller = { ...CALLER, token };
  const all = { hosts: ["@all"], port: undefined, ...choice };
  const targets = await authorizedHosts(fleet.controller, caller, ACTION, all);
  return targets.map(({ label, port }) => `${label} ${port}`);
}

async function refusal(choice: Partial<HostChoice>, token = "") {
  const { code, message, hint } = await choose(choice, token).then(
    () => expect.unreachable("it was not refused"),
    asCtrlExecError,
  );
  return { code, message, hint };
}

/** What the hook was told, one request after the other. */
function told(): { readonly action: string; readonly hosts: readonly string[] }[] {
  const requests = readFileSync(folder.join("told"), "utf8").split(/(?<=\})(?=\{)/);
  return requests.map((text) => JSON.parse(text));
}

test("T76 the hook is told the hosts that are then called", async () => {
  await setUp();
  const choice = { hosts: ["web-*:7450", "db-[01]"], except: ["web-02"] };
  expect(await choose(choice)).toEqual(["web-01 7450", "db-01 7443"]);
  expect(told()).toMatchObject([{ action: "ping", hosts: ["web-01", "db-01"] }]);
});

test("the call's own port is that of hosts typed without one", async () => {
  await setUp();
  expect(await choose({ hosts: ["web-*"], port: 7000 })).toEqual(["web-01 7000", "web-02 7000"]);
});

test("by the end of their certificates", async () => {
  await setUp();
  expect(await choose({ hosts: ["@expiring=11d"] })).toEqual(["web-01 7443"]);
});

test("a record that cannot be used is one of all, and nothing is known of it", async () => {
  await setUp();
  fleet.folder.write("control/state/agents/odd-01.json", "{");
  expect(await choose({ hosts: ["odd-*"] })).toEqual(["odd-01 7443"]);
  expect(await choose({ hosts: ["@all!@expiring=400d"] })).toEqual(["odd-01 7443"]);
});

/** What the hosts have told, as if it had been asked. */
async function learn(): Promise<void> {
  await fleet.controller.store.learned.learn(
    new Map([
      ["web-01", { version: "1.1.0", tags: { role: "web", env: "production" } }],
      ["web-02", { version: "1.0.3", tags: { role: "web", env: "test" } }],
    ]),
  );
}

test("by what the hosts have reported, and by this host's own tags, which win", async () => {
  await setUp();
  await learn();
  expect(await choose({ hosts: ["@role=web,env!=test"] })).toEqual(["web-01 7443"]);
  expect(await choose({ hosts: ["@version<1.1"] })).toEqual(["web-02 7443"]);
  await fleet.controller.store.registry.change((record) => {
    if (record.hostname === "web-02") return { ...record, tags: { env: "production" } };
    return record.hostname === "db-01" ? { ...record, tags: { role: "db" } } : undefined;
  });
  expect(await choose({ hosts: ["@env=production"] })).toEqual(["web-01 7443", "web-02 7443"]);
  expect(await choose({ hosts: ["@role=db"] })).toEqual(["db-01 7443"]);
});

test("a host that has not reported its tags has none that differs", async () => {
  await setUp();
  await learn();
  expect(await choose({ hosts: ["@env!=x"] })).toEqual(["web-01 7443", "web-02 7443"]);
  expect(await refusal({ hosts: ["@all!@version<9"] })).toMatchObject({
    hint: expect.stringContaining("The version of one host is not known"),
  });
});

test("T77 with agent_tags = ignore, what agents claim means nothing", async () => {
  await setUp(["agent_tags = ignore"]);
  await learn();
  await fleet.controller.store.registry.change((record) =>
    record.hostname === "db-01" ? { ...record, tags: { role: "db" } } : undefined,
  );
  expect(await refusal({ hosts: ["@role=web"] })).toMatchObject({
    hint: "Did you mean @role=db?",
  });
  expect(await choose({ hosts: ["@role!=db"] })).toEqual(["web-01 7443", "web-02 7443"]);
  // A version is one more claim; the group's own expression is no other way to it.
  fleet.folder.write("control/groups.d/a.toml", "[old]\nhosts = '@version<1.1'\n");
  for (const hosts of ["@version<1.1", "@all!@version<1.1", "@@old"]) {
    expect(await refusal({ hosts: [hosts] })).toMatchObject({
      code: "bad-request",
      message: "Cannot use @version: an agent claims its version, and agent_tags = ignore",
    });
    expect(await refusal({ hosts: [hosts] }, "no")).toMatchObject({ code: "denied" });
  }
});

test("T76 tags that nobody has: the nearest are told, when the hook has agreed", async () => {
  await setUp();
  await learn();
  expect(await refusal({ hosts: ["@rol=web"] })).toMatchObject({
    code: "bad-request",
    message: 'Cannot find any host: no host matches "@rol=web"',
    hint: "Did you mean @role=web?\nThe tags of one host are not known: discovery learns them.",
  });
  const refused = await refusal({ hosts: ["web-01"] }, "no");
  for (const hosts of ["@rol=web", "@role=web", "@version<9"]) {
    expect(await refusal({ hosts: [hosts] }, "no")).toEqual(refused);
  }
});

test("by an address of a registered host", async () => {
  await setUp();
  expect(await choose({ except: ["10.0.0.10"] })).toEqual(["db-01 7443", "web-02 7443"]);
});

test("a sample: a number, or a part of them, rounded up", async () => {
  await setUp();
  expect(await choose({ limit: { hosts: 2 } })).toHaveLength(2);
  expect(await choose({ limit: { percent: 34 } })).toHaveLength(2);
  expect(await choose({ limit: { hosts: 9 } })).toHaveLength(3);
  const [last] = told().slice(-1);
  expect(last?.hosts).toEqual(["db-01", "web-01", "web-02"]);
});

test("T76 who is refused learns nothing of what an expression stands for", async () => {
  await setUp(["max_hosts = 2"]);
  const refused = await refusal({ hosts: ["web-01"] }, "no");
  expect(refused.code).toBe("denied");
  for (const hosts of ["@all", "none-*", "web-[01-09]", "@all!nobody", "@stale"]) {
    expect(await refusal({ hosts: [hosts] }, "no")).toEqual(refused);
  }
  rmSync(fleet.folder.join("control/state/agents"), { recursive: true });
  fleet.folder.write("control/state/agents", "");
  expect(await refusal({ hosts: ["@all"] }, "no")).toEqual(refused);
  expect(await refusal({ hosts: ["@all"] })).toMatchObject({ code: "config" });
});

test.each([
  [
    "no host matches",
    { hosts: ["x-*"] },
    'Cannot find any host: no host matches "x-*"',
    "list-agents",
  ],
  ["with a near name", { hosts: ["wbe-01*"] }, 'no host matches "wbe-01*"', "Did you mean web-01?"],
  ["all are excepted", { except: ["@all"] }, 'no host matches "@all!@all"', "list-agents"],
  [
    "a name of a node set",
    { hosts: ["web-[02-03]"] },
    "Cannot find host web-03: nothing is",
    "web-01?",
  ],
  ["what is excepted", { except: ["wbe-01"] }, "Cannot find host wbe-01: nothing is", "web-01?"],
  ["many", { hosts: ["web-[03-09]"] }, "Cannot find hosts web-[03-09]: nothing", "Did you mean"],
] as const)("a person is told: %s", async (_, choice, message, hint) => {
  await setUp();
  expect(await refusal(choice)).toEqual({
    code: "bad-request",
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});

test("what was typed is repeated up to its two hundredth character", async () => {
  await setUp();
  const typed = (last: string) => [...Array(33).fill("xxxx*"), last];
  const nobody = "Cannot find any host: no host matches ";
  const whole = typed("x*").join(",");
  expect(whole).toHaveLength(200);
  expect((await refusal({ hosts: typed("x*") })).message).toBe(`${nobody}"${whole}"`);
  expect((await refusal({ hosts: typed("xx*") })).message).toBe(
    `${nobody}"${whole.slice(0, -1)}x..."`,
  );
});

test("more than may be asked at once", async () => {
  await setUp(["max_hosts = 2"]);
  expect(await refusal({})).toMatchObject({
    code: "bad-request",
    message: "3 hosts match; at most 2 at once",
    hint: expect.stringContaining("--limit"),
  });
  expect(await choose({ except: ["db-01"] })).toHaveLength(2);
});

test("what cannot be read is refused before the hook is asked", async () => {
  await setUp();
  for (const choice of [{ hosts: ["web-["] }, { except: ["@nobody"] }, { hosts: [] }]) {
    expect(await refusal(choice)).toMatchObject({ code: "bad-request" });
  }
  expect(told).toThrow("ENOENT");
});

test("T76 of more hosts than may be asked the hook is told no more, and the caller how many only after its yes", async () => {
  await setUp(["max_hosts = 2"]);
  expect(await refusal({}, "no")).toMatchObject({ code: "denied" });
  expect(await refusal({ hosts: ["@all,n[1-20000]"] }, "no")).toMatchObject({ code: "denied" });
  expect(told().map(({ hosts }) => hosts.length)).toEqual([2, 2]);
  expect((await refusal({})).message).toStartWith("3 hosts match; at most 2 at once");
});

test.each([
  [{ hosts: ["n[1-60000]", "n[1-60000]"] }, "stand for 120000 hosts; at most 100000"],
  [{ hosts: Array.from({ length: 65 }, () => "@all") }, "65 patterns and words with @; at most 64"],
  [{ hosts: ["web-[1-64]*"], except: ["@stale"] }, "65 patterns and words with @; at most 64"],
  [{ hosts: [`n[1-99990]${"!x".repeat(11)}`] }, "each & and ! looks at all hosts before it"],
  [{ hosts: [`@a=b${",a=b".repeat(64)}`] }, "65 patterns and words with @; at most 64"],
])("T76 what would cost much is refused before the hook is asked: %j", async (choice, why) => {
  await setUp();
  expect(await refusal(choice)).toMatchObject({
    code: "bad-request",
    message: expect.stringContaining(why),
  });
  expect(told).toThrow("ENOENT");
});

test("as much as may be asked for is answered", async () => {
  await setUp();
  const hosts = ["n[1-9000]", ...Array.from({ length: 64 }, () => "@all")];
  expect(await refusal({ hosts })).toMatchObject({
    message: expect.stringContaining("Cannot find hosts n[1-5000] and up to 4000 more:"),
  });
});

test("names alone are as before there were expressions: unregistered too, and each once", async () => {
  await setUp();
  expect(await choose({ hosts: ["web-01", "other"] })).toEqual(["web-01 7443", "other 7443"]);
  expect(await refusal({ hosts: ["web-01", "web-01"] })).toMatchObject({
    message: "web-01 is given twice",
    hint: "Leave one of them out: a host is asked once.",
  });
});

test("by how a run ended there, for whoever may read it", async () => {
  await setUp();
  const result = { script: "deploy", stdout: "", stderr: "", rtt: "1ms", reqid: REQID };
  await record([
    { ...result, host: "web-01", exit: 3, state: "ended" },
    { ...result, host: "web-02", exit: 0, state: "ended" },
    { ...result, host: "db-01", exit: -1, state: "never-ran", error: "no answer" },
    { ...result, host: "other", exit: -1, state: "running", error: "no answer" },
  ]);
  expect(await choose({ hosts: [`@failed=${REQID}`] })).toEqual(["web-01 7443"]);
  expect(await choose({ hosts: [`@missed=${REQID}`] })).toEqual(["db-01 7443"]);
  expect(told().map(({ action }) => action)).toEqual(["read", "ping", "read", "ping"]);
  expect(await refusal({ hosts: [`@missed=${REQID}&web-*`] })).toMatchObject({
    message: `Cannot find any host: no host matches "@missed=${REQID}&web-*"`,
    hint: expect.stringContaining(`Run ${REQID} goes on on 1 host. See: ctrl-exec wait ${REQID}`),
  });
  expect(await refusal({ hosts: [`@failed=${REQID}`] }, "unread")).toMatchObject({
    code: "denied",
  });
  expect(await refusal({ hosts: ["@failed=0000000000000000"] })).toMatchObject({
    code: "not-found",
  });
});

async function record(results: readonly RunResult[]): Promise<void> {
  const { runs } = fleet.controller.store;
  const hosts = results.map(({ host }) => host);
  const facts = { reqid: REQID, script: "deploy", hosts, submitter: "", token: "" };
  const begun = await runs.begin(facts, false);
  for (const result of results) begun.add(result);
  await begun.close();
}

test("T76 a tag or a glob that leaves out nobody is told when the hook has agreed, with what was meant", async () => {
  await setUp();
  await learn();
  const heard: string[] = [];
  const vain = async (hosts: string, except: readonly string[] = [], token = "") => {
    heard.length = 0;
    const onNote = ({ text, hint = "" }: ChoiceNote) => {
      const vain = /^excludes no host: (.*)$/.exec(text)?.[1];
      if (vain !== undefined) heard.push(`${vain}: ${hint.split("\n")[0]}`);
    };
    await choose({ hosts: [hosts], except, onNote }, token).catch(() => undefined);
    return [...heard];
  };
  const slip = "@env=tets: Did you mean @env=test?";
  expect(await vain("web-*!@env=tets")).toEqual([slip]);
  expect(await vain("web-*", ["@env=tets,wbe-*", "(db-*,@role=bew)"])).toEqual([
    ...[slip, "wbe-*: ", "@role=bew: Did you mean @role=web?"],
  ]);
  expect(await vain("@all!(wbe-*&@env=tets)")).toEqual([]);
  // They mean somebody, though nobody of these.
  expect(await vain("db-*!web-*", ["@env=test", "@stale"])).toEqual([]);
  expect(await vain("web-*!@env=tets", [], "no")).toEqual([]);
  const groups = ["[spared]", 'hosts = "@env=tets"', "[old]", 'hosts = "@stale"', "[web]"];
  fleet.folder.write("control/groups.d/x.toml", [...groups, 'hosts = "web-*"'].join("\n"));
  const spared = "@@spared: Did you mean @env=test?";
  expect(await vain("web-*!@@spared", ["@@old"])).toEqual([spared]);
  expect(await vain("@@web", ["@@spared"])).toEqual([spared]);
  expect(await vain("@@web", ["@@spared"], "no")).toEqual([]);
});

test("a group of group_command that excludes nobody is told, also if it lists hosts that are not here", async () => {
  const listed = JSON.stringify({
    void: [],
    far: { hosts: ["far.example", "web-9"] },
    db: ["db-01"],
  });
  const command = folder.script("groups", `echo '${listed}'`);
  await setUp([`group_command = ${command}`]);
  const told = async (...hosts: readonly string[]) => {
    const heard: string[] = [];
    await choose({ hosts, onNote: ({ text }) => void heard.push(text) });
    return heard;
  };
  expect(await told("@all!@@void!@@far!@@db")).toEqual([
    "excludes no host: @@void",
    "excludes no host: @@far",
  ]);
  expect(await told("far.example,@all!@@far")).toEqual([]);
});

test("T77 what may be left out is left out: whose tags or version are not known is not asked, and the caller is told", async () => {
  await setUp();
  await learn();
  const asked = async (hosts: string, ...except: readonly string[]) => {
    const notes: string[] = [];
    const onNote = ({ text, hint }: ChoiceNote) => void notes.push(`${text}: ${hint}`);
    const names = (await choose({ hosts: [hosts], except, onNote })).map(
      (each) => each.split(" ")[0],
    );
    return [names, notes];
  };
  const left = (what: string) =>
    `left out, since the ${what} of one host are not known: db-01: discovery learns them.`;
  for (const hosts of [
    "@all!@env=test",
    "web-*,db-*!(@env=test)",
    "@all!(web-02,(@env=test&db-*))",
  ]) {
    expect(await asked(hosts)).toEqual([["web-01"], [left("tags")]]);
  }
  expect(await asked("@all", "@env!=production")).toEqual([["web-01"], [left("tags")]]);
  expect(await asked("@all!@version<1.1")).toEqual([["web-01"], [left("version")]]);
  fleet.folder.write("control/groups.d/x.toml", '[rest]\nhosts = "@all!@env=test"');
  expect(await asked("@@rest")).toEqual([["web-01"], [left("tags")]]);
  // Whoever is named after all is asked, and nothing is said where nothing rests on it.
  expect(await asked("@all!@env=test,db-01")).toEqual([["web-01", "db-01"], []]);
  expect(await asked("@env=test!@env=production")).toEqual([["web-02"], []]);
  expect(await asked("@all!(@all!@env=test)")).toEqual([["web-02"], []]);
  await fleet.controller.store.registry.change((record) =>
    record.hostname === "db-01" ? { ...record, tags: { env: "production" } } : undefined,
  );
  expect(await asked("@all!@env=test")).toEqual([["db-01", "web-01"], []]);
});

test("names of Ansible that no host can have are left out of their group, which then cannot leave out hosts", async () => {
  const inventory = {
    _meta: { hostvars: {} },
    all: { children: ["ungrouped", "db", "web"] },
    db: { hosts: ["db-01", "db_1", "db_2"] },
    web: { hosts: ["web-01"] },
  };
  const command = folder.script("groups", `echo '${JSON.stringify(inventory)}'`);
  await setUp([`group_command = ${command}`]);
  fleet.folder.write("control/groups.d/x.toml", '[rest]\nhosts = "@all!@@db"');
  const notes: string[] = [];
  const onNote = ({ text }: ChoiceNote) => void notes.push(text);
  expect(await choose({ hosts: ["@@db"], onNote })).toEqual(["db-01 7443"]);
  expect(await choose({ hosts: ["@@all"], onNote })).toEqual(["db-01 7443", "web-01 7443"]);
  const note = 'left out, since no host can have such a name: "db_1", "db_2"';
  expect(notes).toEqual([note, note]);
  expect(await choose({ hosts: ["@all!@@web"] })).toEqual(["db-01 7443", "web-02 7443"]);
  for (const choice of [
    { hosts: ["@all!@@db"] },
    { except: ["web-01,@@all&db-*"] },
    { hosts: ["@@rest"] },
  ]) {
    expect(await refusal(choice)).toEqual({
      code: "unusable",
      message:
        'Cannot leave out @@db: no host can have the name "db_1", "db_2", so it is not known which host is meant',
      hint: "Name the hosts to leave out, or define the group in groups.d, which wins.",
    });
    expect(await refusal(choice, "no")).toMatchObject({ code: "denied" });
  }
});

test("T76 of a name that nobody is registered under the nearest one is known, unless there are many", async () => {
  await setUp();
  const near = async (...hosts: readonly string[]) => {
    const choice = { hosts, port: undefined };
    const targets = await authorizedHosts(fleet.controller, CALLER, ACTION, choice);
    return targets.map((target) => target.near?.());
  };
  expect(await near("web-1", "WEB-2", "db-01", "mail", "10.0.0.10", "192.0.2.1")).toEqual([
    ...["web-01", "web-02", undefined, undefined, undefined, undefined],
  ]);
  const many = Array.from({ length: 21 }, (_, number) => `web-${number + 3}`);
  expect(new Set(await near(...many))).toEqual(new Set([undefined]));
  expect(await near(...many.slice(1))).toContain("web-01");
});

test("where no host has reported its version it is said what learns it; where a group is empty, that", async () => {
  await setUp();
  const option = `--config ${fleet.controller.config.file}`;
  expect(await refusal({ hosts: ["@version<1.1"] })).toMatchObject({
    message: 'Cannot find any host: no host matches "@version<1.1"',
    hint: `No host has reported its version. To learn them: ctrl-exec discovery ${option}`,
  });
  fleet.folder.write("control/groups.d/x.toml", "[void]\nhosts = 'mail-*'");
  expect(await refusal({ hosts: ["@@void"] })).toMatchObject({
    message: 'Cannot find any host: no host matches "@@void"',
    hint: `There is no host in @@void. See: ctrl-exec list-groups ${option}`,
  });
  expect((await refusal({ hosts: ["@@void"] }, "no")).code).toBe("denied");
});
