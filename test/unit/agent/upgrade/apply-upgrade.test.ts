/** Root's part of an upgrade, with a real agent that answers; what a kill -9 leaves is laid out as it is left. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { applyUpgrade } from "../../../../src/agent/upgrade/apply-upgrade.ts";
import { UpgradeInbox } from "../../../../src/agent/upgrade/inbox.ts";
import {
  type Journal,
  readJournal,
  readLastEnd,
  writeJournal,
} from "../../../../src/agent/upgrade/journal.ts";
import type { AgentConfig } from "../../../../src/core/config/agent-config.ts";
import { buildName } from "../../../../src/core/release/platform.ts";
import { parseReleaseKey } from "../../../../src/core/release/release-key.ts";
import { VERSION } from "../../../../src/core/version.ts";
import { ownPlatform } from "../../../../src/system/own-platform.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";
import { Gate, passes } from "../../../support/gate.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";
import {
  makeRelease,
  makeReleaseKey,
  type ReleaseKey,
  readPapers,
} from "../../../support/release.ts";

const BUILD = buildName(ownPlatform());
const ID = "0123456789abcdef";
const OLD = program("1.0.9");
/** The agent, which is in this process, answers so, whatever the program's file is. */
const NEW = program(VERSION);

function program(version: string): string {
  return `#!/bin/sh\necho 'ctrl-exec ${version} (commit 0123456)'\n`;
}

const folder = new TestFolder();
let fleet: LocalFleet;
let agent: LocalAgent;
let key: ReleaseKey;
beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
  key = makeReleaseKey(folder);
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});
beforeEach(async () => {
  if (!agent.isUp) await agent.start();
  for (const name of ["bin", "state", "restarted"]) {
    rmSync(folder.join(name), { recursive: true, force: true });
  }
  rmSync(agent.path("upgrade"), { recursive: true, force: true });
  mkdirSync(folder.join("state"));
  folder.script("bin/ctrl-exec", OLD);
  folder.script("bin/ctrl-exec-upgrade", OLD);
});

function config(changes: Partial<AgentConfig> = {}): AgentConfig {
  return {
    ...agent.config,
    allow_upgrade: true,
    release_key: parseReleaseKey(key.line),
    upgrade_state: folder.join("state"),
    upgrade_timeout: 1,
    upgrade_restart: folder.script("restart", `echo restarted >>${folder.join("restarted")}`),
    ...changes,
  };
}

async function apply(changes: Partial<AgentConfig> = {}) {
  const log = new EventLog("ctrl-exec-agent");
  const host = { config: config(changes), programs: folder.join("bin"), log: log.log };
  const end = await applyUpgrade({ ...host, now: () => new Date() });
  return { end, actions: log.events.map(({ action }) => action) };
}

interface Given {
  readonly content?: string;
  readonly build?: string;
  readonly by?: ReleaseKey;
  readonly downgrade?: boolean;
}

let releases = 0;

/** As the agent leaves it. */
async function handIn(version: string, given: Given = {}): Promise<void> {
  const { content = program(version), build = BUILD, by = key, downgrade = false } = given;
  releases += 1;
  const release = makeRelease(folder, `release-${releases}`, version, { [build]: content }, by);
  const bytes = readFileSync(`${release}/${build}.gz`);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const inbox = new UpgradeInbox(agent.path("upgrade"));
  const papers = { ...readPapers(release), size: bytes.length, sha256, downgrade };
  inbox.begin({ reqid: ID, ...papers }, new Date());
  inbox.take(ID, 0, bytes);
  await inbox.handOver(ID);
}

/** As if it had been handed over some minutes ago. */
function handedOver(minutes: number): void {
  const then = new Date(Date.now() - minutes * 60_000);
  utimesSync(agent.path("upgrade/apply"), then, then);
}

const text = (name: string) => readFileSync(folder.join("bin", name), "utf8");
const restarts = () => {
  return existsSync(folder.join("restarted"))
    ? readFileSync(folder.join("restarted"), "utf8").trim().split("\n").length
    : 0;
};

/** Nothing is left that would start it again, and nothing lies about. */
function expectClean(): void {
  expect(readdirSync(agent.path("upgrade"))).toEqual([]);
  expect(readdirSync(folder.join("state")).sort()).toEqual(["last.json", "lock"]);
  expect(readdirSync(folder.join("bin")).sort()).toEqual(["ctrl-exec", "ctrl-exec-upgrade"]);
}

function expectProgram(content: string): void {
  expect(text("ctrl-exec")).toBe(content);
  expect(text("ctrl-exec-upgrade")).toBe(content);
  expect(statSync(folder.join("bin/ctrl-exec")).mode & 0o7777).toBe(0o755);
}

const last = () => readLastEnd({ upgrade_state: folder.join("state") });

test("a signed release takes the old one's place, and the agent is restarted once", async () => {
  await handIn(VERSION);
  const { end, actions } = await apply();
  expect(end).toMatchObject({ reqid: ID, end: "upgraded", from: "1.0.9", to: VERSION });
  expect(last()).toEqual(end);
  expect(actions).toEqual(["upgrade"]);
  expectProgram(NEW);
  expect(restarts()).toBe(1);
  expectClean();
  expect((await apply()).end).toBeUndefined();
});

test("everybody may start the new program, whatever the umask", async () => {
  await handIn(VERSION);
  const before = process.umask(0o077);
  try {
    expect((await apply()).end).toMatchObject({ end: "upgraded" });
  } finally {
    process.umask(before);
  }
  expectProgram(NEW);
});

test("T36 an agent that does not answer with the new version gets the old program back", async () => {
  await handIn("9.9.9");
  const { end, actions } = await apply();
  expect(end).toMatchObject({ end: "rolled-back", from: "1.0.9", to: "9.9.9" });
  expect(end?.error).toBe(`the agent answers with ${VERSION} instead of 9.9.9`);
  expect(actions).toEqual(["upgrade-rollback"]);
  expectProgram(OLD);
  expect(restarts()).toBe(2);
  expectClean();
});

test("T36 what comes back is the program that was in use, whichever was kept before", async () => {
  folder.script("bin/ctrl-exec-upgrade", program("1.0.1"));
  await handIn("9.9.9");
  expect((await apply()).end).toMatchObject({ end: "rolled-back", from: "1.0.9" });
  expectProgram(OLD);
});

test("T36 so does one that cannot be restarted, and it is told if the old one is not up either", async () => {
  await handIn(VERSION);
  const upgrade_restart = folder.script("failing", "echo no such unit >&2; exit 5");
  const { end } = await apply({ upgrade_restart });
  const failing = `the agent did not start: ${upgrade_restart} ended with 5: no such unit`;
  expect(end).toMatchObject({ end: "rolled-back" });
  expect(end?.error).toBe(`${failing}; nor does the old program work: ${failing}`);
  expectProgram(OLD);
  expectClean();
});

test("T36 the time for the new program does not cut the restart that brings the old one back", async () => {
  await handIn(VERSION);
  using gate = await Gate.shut(folder.join("never-opened"));
  const isBack = `cmp -s ${folder.join("bin/ctrl-exec")} ${folder.join("bin/ctrl-exec-upgrade")}`;
  const upgrade_restart = folder.script("slow", `${isBack} || ${passes(gate.path)}`);
  const { end } = await apply({ upgrade_restart, upgrade_timeout: 0.001 });
  expect(end).toMatchObject({ end: "rolled-back", error: "the agent did not start within 0 s" });
  expectProgram(OLD);
  expectClean();
});

describe("T36 nothing is changed by", () => {
  const stranger = () => makeReleaseKey(folder, `stranger-${Math.random()}`);
  test.each([
    ["a release of another key", () => handIn(VERSION, { by: stranger() }), "another key"],
    ["an older release", () => handIn("1.0.8"), "the release is 1.0.8, and this host has 1.0.9"],
    [
      "an older release that the agent asks for alone",
      () => handIn("1.0.8", { downgrade: true }),
      "this host has 1.0.9",
    ],
    [
      "a release that was handed over long ago",
      async () => {
        await handIn(VERSION);
        handedOver(11);
      },
      "more than 10 minutes ago",
    ],
    ["the release that it has", () => handIn("1.0.9"), "this host has 1.0.9 already"],
    ["a release for other hosts", () => handIn(VERSION, { build: "ctrl-exec-vax" }), "has no"],
    [
      "a program that does not start",
      () => handIn(VERSION, { content: "#!/bin/sh\nexit 1\n" }),
      "does not start on this host",
    ],
    [
      "a program of another version",
      () => handIn(VERSION, { content: program("1.0.8") }),
      "says that it is 1.0.8",
    ],
    [
      "a build that was swapped after the agent judged it",
      async () => {
        await handIn(VERSION);
        writeFileSync(agent.path("upgrade/build.gz"), Bun.gzipSync(Buffer.from(program(VERSION))));
      },
      "not what SHA256SUMS says",
    ],
    [
      "a build that is a link",
      async () => {
        await handIn(VERSION);
        const signed = readFileSync(agent.path("upgrade/build.gz"));
        rmSync(agent.path("upgrade/build.gz"));
        symlinkSync(folder.write("elsewhere.gz", signed), agent.path("upgrade/build.gz"));
      },
      "cannot be unpacked",
    ],
  ] as const)("%s", async (_, given, problem) => {
    await given();
    const { end, actions } = await apply();
    expect(end).toMatchObject({ reqid: ID, end: "refused" });
    expect(end?.error).toContain(problem);
    expect(actions).toEqual(["upgrade-fail"]);
    expectProgram(OLD);
    expect(restarts()).toBe(0);
    expectClean();
  });

  test.each([
    ["allow_upgrade", { allow_upgrade: false }],
    ["release_key", { release_key: undefined }],
  ])("anything without %s", async (_, without) => {
    await handIn(VERSION);
    expect((await apply(without)).end).toMatchObject({ end: "refused" });
    expectProgram(OLD);
    expect(restarts()).toBe(0);
  });

  test("an agent that does not answer as it is: its answer could not be waited for", async () => {
    await handIn(VERSION);
    const reached = await apply({ port: 1 }).catch((thrown) => thrown);
    expect(reached.end?.error).toContain("the agent does not answer as it is");
    expectProgram(OLD);
  }, 30_000);

  test("a release that may be older, since the program in use does not say its version", async () => {
    const silent = "#!/bin/sh\nexit 1\n";
    for (const name of ["ctrl-exec", "ctrl-exec-upgrade"]) folder.script(`bin/${name}`, silent);
    await handIn("1.0.8", { downgrade: true });
    const { end } = await apply({ allow_downgrade: true });
    const error = "the program in use does not say its version";
    expect(end).toMatchObject({ end: "refused", from: "", error });
    expect(restarts()).toBe(0);
    expectClean();
  });

  test("an inbox that is a link, or whose request is nonsense", async () => {
    await handIn(VERSION);
    writeFileSync(agent.path("upgrade/request.json"), '{"reqid":"../../x"}');
    expect((await apply()).end).toBeUndefined();
    expect(readdirSync(agent.path("upgrade"))).toEqual([]);
    rmSync(agent.path("upgrade"), { recursive: true });
    mkdirSync(folder.join("other"), { recursive: true });
    writeFileSync(folder.join("other/apply"), "");
    symlinkSync(folder.join("other"), agent.path("upgrade"));
    expect((await apply()).end).toBeUndefined();
    expect(existsSync(folder.join("other/apply"))).toBe(true);
    expectProgram(OLD);
  });
});

test("without the folder that says that somebody carries out upgrades, it is not made", async () => {
  rmSync(folder.join("state"), { recursive: true });
  expect(apply()).rejects.toThrow("state is missing");
  expect(existsSync(folder.join("state"))).toBe(false);
});

describe("T36 an error after the new program is in place", () => {
  const state = { upgrade_state: folder.join("state") };
  const restart = (name: string, line: string) =>
    folder.script(name, `echo restarted >>${folder.join("restarted")}; ${line}`);

  test("refuses nothing: the next start puts the old one back", async () => {
    await handIn("9.9.9");
    const inTheWay = folder.join("bin/.ctrl-exec.link");
    const upgrade_restart = restart("blocking", `mkdir -p ${inTheWay}/x`);
    expect(await apply({ upgrade_restart }).catch(String)).toContain("Cannot replace");
    expect(readJournal(state)?.failed).toContain("instead of 9.9.9");
    expect(text("ctrl-exec")).not.toBe(OLD);
    expect(last()).toBeUndefined();
    expect(existsSync(agent.path("upgrade/apply"))).toBe(true);
    rmSync(inTheWay, { recursive: true });
    expect((await apply()).end).toMatchObject({ end: "rolled-back", from: "1.0.9" });
    expectProgram(OLD);
    expectClean();
  });

  test("such as a full disk does not keep the old one from coming back", async () => {
    await handIn("9.9.9");
    const away = folder.join("away");
    const moves = `[ -e ${away} ] || mv ${state.upgrade_state} ${away}`;
    const failing = apply({ upgrade_restart: restart("moving", moves) });
    expect(await failing.catch(String)).toContain("Cannot write");
    expectProgram(OLD);
    expect(restarts()).toBe(2);
    // There is room again.
    renameSync(away, state.upgrade_state);
    expect((await apply()).end).toMatchObject({ end: "rolled-back", from: "1.0.9" });
    expectProgram(OLD);
    expectClean();
  });

  test("such as that it cannot be kept yet is told beside the upgrade", async () => {
    await handIn(VERSION);
    const inTheWay = folder.join("bin/.ctrl-exec-upgrade.link");
    const { end } = await apply({ upgrade_restart: restart("holding", `mkdir -p ${inTheWay}/x`) });
    expect(end).toMatchObject({ end: "upgraded", error: expect.stringContaining("not the kept") });
    expect([text("ctrl-exec"), text("ctrl-exec-upgrade")]).toEqual([NEW, OLD]);
    expect(readJournal(state)).toBeUndefined();
  });
});

test("T36 a program that cannot be put in place is tried three times, and then refused", async () => {
  // It is gone when it is to take the old one's place.
  await handIn(VERSION, { content: `${NEW}rm "$0"\n` });
  for (const _ of [1, 2, 3, 4]) expect(await apply().catch(String)).toContain("Cannot replace");
  expect((await apply()).end).toMatchObject({ end: "refused" });
  expectProgram(OLD);
  expect(restarts()).toBe(0);
  expectClean();
});

test("an older release where both the caller and this host want it", async () => {
  await handIn("1.0.8", { downgrade: true });
  const { end } = await apply({ allow_downgrade: true });
  // This agent answers with another version, so that it ends here.
  expect(end).toMatchObject({ end: "rolled-back", to: "1.0.8" });
});

test("two at once: one does it, the other says so", async () => {
  await handIn(VERSION);
  const outcomes = await Promise.allSettled([apply(), apply()]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(restarts()).toBe(1);
});

describe("T10 after a kill -9 the next start", () => {
  const journal = (changes: Partial<Journal> = {}): Journal => {
    const hash = new Bun.CryptoHasher("sha256").update(NEW).digest("hex");
    return { reqid: ID, from: "1.0.9", to: VERSION, program: hash, tries: 0, ...changes };
  };
  const put = (name: string, content: string) => folder.script(`bin/${name}`, content);
  const note = (changes?: Partial<Journal>) => {
    mkdirSync(folder.join("state"), { recursive: true });
    writeJournal({ upgrade_state: folder.join("state") }, journal(changes));
  };

  test.each([
    ["while it was unpacked", () => put(".ctrl-exec.next", NEW.slice(0, 9)), 1],
    ["before the new one was put in place", () => note(), 1],
    [
      "long after it was handed over",
      () => {
        note();
        handedOver(60);
      },
      1,
    ],
    [
      "before the agent was restarted",
      () => {
        put("ctrl-exec", NEW);
        note();
      },
      1,
    ],
    [
      "when the new one had become the kept one",
      () => {
        put("ctrl-exec", NEW);
        put("ctrl-exec-upgrade", NEW);
        note();
      },
      0,
    ],
    [
      "when the inbox was emptied",
      () => {
        put("ctrl-exec", NEW);
        put("ctrl-exec-upgrade", NEW);
        note();
        rmSync(agent.path("upgrade/apply"));
      },
      0,
    ],
  ])("finishes: %s", async (_, lay, restarted) => {
    await handIn(VERSION);
    lay();
    const { end } = await apply();
    expect(end).toMatchObject({ reqid: ID, end: "upgraded", from: "1.0.9", to: VERSION });
    expectProgram(NEW);
    expect(restarts()).toBe(restarted);
    expectClean();
  });

  test.each([
    [
      "before the old one was put back",
      () => {
        put("ctrl-exec", NEW);
        note({ failed: "it was silent" });
      },
      "it was silent",
    ],
    ["before the agent was restarted with it", () => note({ failed: "it was silent" }), "silent"],
    [
      "too often",
      () => {
        put("ctrl-exec", NEW);
        note({ tries: 3 });
      },
      "it was interrupted 3 times",
    ],
  ])("rolls back: %s", async (_, lay, error) => {
    await handIn(VERSION);
    lay();
    const { end } = await apply();
    expect(end).toMatchObject({ reqid: ID, end: "rolled-back" });
    expect(end?.error).toContain(error);
    expectProgram(OLD);
    expect(restarts()).toBe(1);
    expectClean();
  });

  test("gives up one that cannot even begin", async () => {
    await handIn(VERSION);
    note({ tries: 3 });
    expect((await apply()).end).toMatchObject({ end: "refused" });
    expectProgram(OLD);
    expectClean();
  });

  test("ends it, whatever folders the agent's user has put in the place of files", async () => {
    await handIn(VERSION);
    for (const name of ["apply", "request.json"]) rmSync(agent.path(`upgrade/${name}`));
    mkdirSync(agent.path("upgrade/apply"));
    mkdirSync(agent.path("upgrade/request.json/held"), { recursive: true });
    for (const name of ["ctrl-exec", "ctrl-exec-upgrade"]) put(name, NEW);
    note();
    expect((await apply()).end).toMatchObject({ end: "upgraded" });
    expect(readdirSync(folder.join("state")).sort()).toEqual(["last.json", "lock"]);
    expect(readdirSync(agent.path("upgrade"))).toEqual(["request.json"]);
    expect((await apply()).end).toBeUndefined();
  });

  test("is not started for ever by a journal that cannot be read", async () => {
    folder.write("state/journal.json", "{");
    expect((await apply()).end).toBeUndefined();
    expect(existsSync(folder.join("state/journal.json"))).toBe(false);
  });
});
