/** Who stores the serial that a rotation announces, by what scripts.conf says of update-ctrl-exec-serial. */
import { expect, test } from "bun:test";
import { existsSync, symlinkSync } from "node:fs";
import { checkAgent } from "../../../../src/agent/checks/self-check.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

const NAME = "update-ctrl-exec-serial";

/** What it leaves says that it ran. */
function script(fleet: LocalFleet, name: string): string {
  return fleet.folder.script(name, `cat >/dev/null; touch ${fleet.folder.join("ran")}; exit 1`);
}

async function remedies(agent: LocalAgent): Promise<string[]> {
  const checks = await checkAgent(agent.config, [], agent.path("scripts.conf"), new Date());
  return checks.flatMap(({ name, ok, detail, remedy }) => {
    return name === `script ${NAME}` ? [`${ok ? "OK" : "FAIL"} ${detail}; ${remedy}`] : [];
  });
}

type Entry = readonly [line: (fleet: LocalFleet) => string, found: RegExp];

const AGENTS_OWN: Readonly<Record<string, Entry>> = {
  "there is none": [() => "", /^OK not listed: the agent itself stores a new serial; undefined$/],
  "it is a comment": [(fleet) => `#${NAME} = ${script(fleet, NAME)}`, /^OK not listed/],
  "it is 0.8's script": [
    (fleet) => `${NAME} = ${script(fleet, `opt/${NAME}`)}`,
    /^FAIL .*\/opt\/update-ctrl-exec-serial is the script of 0\.8, .*write in scripts\.conf/,
  ],
  "its file is not there": [
    (fleet) => `${NAME} = ${fleet.folder.join("gone", NAME)}`,
    /^FAIL .*no such file.*; until that is corrected, the agent itself stores a new serial; run /,
  ],
  "it is a program that others can write": [
    (fleet) => {
      const path = script(fleet, "open.sh");
      fleet.folder.write("open.sh", "#!/bin/sh\n", 0o777);
      return `${NAME} = ${path}`;
    },
    /^FAIL .*can be written by its group and others/,
  ],
};

test.each(Object.entries(AGENTS_OWN))("the agent itself, when %s", async (_, [line, found]) => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  fleet.folder.write("web-01/scripts.conf", `${line(fleet)}\n`);
  await agent.restart();
  expect((await rotateNow(fleet.controller)).confirmed).toEqual(["web-01"]);
  expect(existsSync(fleet.folder.join("ran"))).toBe(false);
  expect(agent.log.of("run")[0]?.fields).toMatchObject({ SCRIPT: NAME, EXIT: 0 });
  expect(await remedies(agent)).toEqual([expect.stringMatching(found)]);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
});

test("whatever script_dirs says, and then nothing is rejected", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  Object.assign(agent.config, { script_dirs: [fleet.folder.join("nowhere")] });
  script(fleet, "bin/ctrl-exec");
  const program = fleet.folder.join("bin", NAME);
  symlinkSync("ctrl-exec", program);
  fleet.folder.write("web-01/scripts.conf", `${NAME} = ${program}\n`);
  await agent.restart();
  expect((await rotateNow(fleet.controller)).confirmed).toEqual(["web-01"]);
  expect(agent.log.of("config-warn")).toEqual([]);
  expect(await remedies(agent)).toEqual([`OK ${program}; undefined`]);
});

test("an administrator's own program of another name runs, and says what it says", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  fleet.folder.write("web-01/scripts.conf", `${NAME} = ${script(fleet, "own.sh")}\n`);
  await agent.restart();
  const { pending } = await rotateNow(fleet.controller);
  expect(pending).toEqual([{ host: "web-01", error: `${NAME} ended with 1` }]);
  expect(existsSync(fleet.folder.join("ran"))).toBe(true);
  expect(await remedies(agent)).toEqual([`OK ${fleet.folder.join("own.sh")}; undefined`]);
});

test("what cannot be stored is said, and the old serial stays in force", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01", { updateScript: null });
  Object.assign(agent.config, { dispatcher_serial_path: "/proc/no/serial" });
  const { pending } = await rotateNow(fleet.controller);
  expect(pending[0]?.error).toMatch(/^update-ctrl-exec-serial ended with 1: Cannot \w+ \/proc/);
  expect(await fleet.pingFailures(["web-01"])).toEqual([]);
});

test("the agent's hook is asked all the same", async () => {
  await using fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01", { updateScript: null });
  Object.assign(agent.config, { auth_hook: fleet.folder.script("hook", "exit 3") });
  const { pending } = await rotateNow(fleet.controller);
  expect(pending[0]?.error).toContain("not authorised: insufficient privilege");
});
