/** `doctor` as a whole: what it looks at, what it leaves alone, and what --fix does, in full and in part. */
import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { paths } from "../../../../../src/controller/store/paths.ts";
import type { PairingStore } from "../../../../../src/controller/store/ports/pairing.ts";
import { examine, examineAndMend } from "../../../../../src/controller/upkeep/doctor/doctor.ts";
import { maintainOnce } from "../../../../../src/controller/upkeep/maintenance.ts";
import { isoSeconds } from "../../../../../src/core/time.ts";
import { faults, nothingAround, old, register } from "../../../../support/doctor.ts";
import { contents } from "../../../../support/folder.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

const ID = "0123456789abcdef";

/** Faults of every kind that --fix can do something about, and one of those that it must not touch. */
function plant(fleet: LocalFleet): void {
  const { config } = fleet.controller;
  register(fleet, "web-01");
  fleet.folder.write("control/state/agents/cut.json", "{", 0o640);
  old(fleet, "credentials/.x.pem.0123456789ab.tmp", "key", 1);
  old(fleet, "state/locks/web-01--x.lock", "", 3);
  const received = isoSeconds(new Date(fleet.now.getTime() - 3_600_000));
  fleet.folder.write(
    `control/state/pairing/${ID}.json`,
    JSON.stringify({ id: ID, received }),
    0o640,
  );
  fleet.folder.write("control/state/learned.sqlite", "this is no database", 0o640);
  chmodSync(config.key, 0o644);
  chmodSync(`${config.state_dir}/agents/web-01.json`, 0o660);
  chmodSync(config.state_dir, 0o775);
}

test("a host with which nothing is wrong: every check passes, and nothing is changed", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  register(fleet, "web-01", { serial_status: "current" });
  await maintainOnce(controller);
  const events = fleet.log.events.length;
  const files = () => readdirSync(fleet.folder.path, { recursive: true }).sort();
  const [before, texts] = [files(), contents(fleet.folder.path)];
  const { findings, mended } = await examineAndMend(controller, [], nothingAround(fleet));
  expect(faults(findings)).toEqual([]);
  expect(mended).toEqual([]);
  expect(findings.map(({ name }) => name.replace(`${fleet.folder.path}/control/`, ""))).toEqual([
    "ctrl-exec.conf",
    "files",
    "ca.crt",
    "ca.key",
    "ctrl-exec.crt",
    "disk",
    "registry",
    "contact",
    "clock",
    "rotation",
    "leftovers",
    "requests",
    "locks",
    "rollouts",
    "state/learned.sqlite",
    "state/run-index.sqlite",
    "ctrl-exec-api",
    "pairing",
    "maintenance",
  ]);
  expect(files()).toEqual(before);
  expect(contents(fleet.folder.path)).toEqual(texts);
  expect(fleet.log.events).toHaveLength(events);
});

test("before a CA is made there is one thing to do first, and nothing is made", async () => {
  await using fleet = await LocalFleet.bare();
  const { controller } = fleet;
  const { findings } = await examineAndMend(controller, [], nothingAround(fleet));
  const { caCert } = paths(controller.config);
  expect(faults(findings)).toEqual([`${caCert}: no such file: this control host has no CA yet`]);
  expect(existsSync(controller.config.state_dir)).toBe(false);
});

test("what has no effect in ctrl-exec.conf is named", async () => {
  await using fleet = await LocalFleet.bare();
  const warnings = [
    { key: "colour", message: "unknown key on line 1, ignored" },
    { key: "shape", message: "unknown key on line 2, ignored" },
  ];
  const [found] = await examine(fleet.controller, warnings, nothingAround(fleet));
  expect(found).toEqual({
    name: fleet.controller.config.file,
    ok: false,
    detail: "colour: unknown key on line 1, ignored; shape: unknown key on line 2, ignored",
    remedy: "correct or remove colour",
    misconfigured: true,
  });
});

test("T62 what others could have changed is not looked at, nor repaired, before it is closed", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  plant(fleet);
  // Of the folder of ctrl-exec.conf only the administrator can decide.
  chmodSync(controller.config.ca_dir, 0o777);
  const before = contents(fleet.folder.path);
  const modes = () =>
    [controller.config.key, controller.config.state_dir].map((path) => statSync(path).mode);
  const earlier = modes();
  const { findings, mended } = await examineAndMend(controller, [], nothingAround(fleet));
  expect(faults(findings).at(-1)).toStartWith(
    `${controller.config.state_dir}: not looked at, because others could change it: Cannot use `,
  );
  expect(findings.map(({ name }) => name)).not.toContain("registry");
  expect(mended.map(({ ok }) => ok)).toEqual(mended.map(() => false));
  expect(mended.length).toBeGreaterThan(0);
  expect(contents(fleet.folder.path)).toEqual(before);
  expect(modes()).toEqual(earlier);
  expect(fleet.log.of("doctor-fix")).toEqual([]);
});

test("--fix does what is safe, says each thing, and changes nothing the second time", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { config } = controller;
  await maintainOnce(controller);
  plant(fleet);
  const key = readFileSync(config.key, "utf8");
  const around = nothingAround(fleet);
  const { findings, mended } = await examineAndMend(controller, [], around);
  expect(faults(findings)).toEqual([expect.stringContaining("cut.json: not JSON")]);
  const { state_dir } = config;
  expect(mended.map(({ name, ok, detail }) => [name, ok, detail])).toEqual([
    [
      state_dir,
      true,
      "closed to other users: mode 0775 is now 0755; see what others may have put there",
    ],
    [config.key, true, "closed to other users: mode 0644 is now 0640"],
    [`${state_dir}/agents`, true, "closed to other users: web-01.json"],
    ["leftovers", true, "removed 1 file of killed writes"],
    ["requests", true, "dropped 1 pairing request"],
    ["locks", true, "removed 1 lock file that nobody has used for a day"],
    [`${state_dir}/learned.sqlite`, true, expect.stringContaining("removed, since it is damaged")],
  ]);
  expect(fleet.log.of("doctor-fix").map(({ fields }) => [fields.PATH, fields.MSG])).toEqual(
    mended.map(({ name, detail }) => [name, detail]),
  );
  expect(readFileSync(config.key, "utf8")).toBe(key);
  expect(readFileSync(`${state_dir}/agents/cut.json`, "utf8")).toBe("{");
  const texts = contents(fleet.folder.path);
  const again = await examineAndMend(controller, [], around);
  expect([again.mended, faults(again.findings)]).toEqual([[], faults(findings)]);
  expect(contents(fleet.folder.path)).toEqual(texts);
});

test("T10 a --fix that was killed after any of its steps leaves a working host, and the next one does the rest", async () => {
  for (let steps = 0; steps < 5; steps++) {
    await using fleet = await LocalFleet.create();
    const { controller } = fleet;
    const around = nothingAround(fleet);
    plant(fleet);
    chmodSync(controller.config.state_dir, 0o755);
    const findings = await examine(controller, [], around);
    for (const { mend } of findings.filter((one) => one.mend).slice(0, steps)) await mend?.();
    const { findings: rest } = await examineAndMend(controller, [], around);
    expect(faults(rest).map((line) => line.split(":")[0])).toEqual(["registry cut", "maintenance"]);
    const { problems } = await maintainOnce(controller);
    expect(problems).toEqual([expect.stringContaining("cut.json")]);
  }
});

test("what cannot be repaired is said with its reason, and the rest is done", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  plant(fleet);
  chmodSync(controller.config.state_dir, 0o755);
  const fail = async () => {
    throw new Error("no more room");
  };
  const real = controller.store.pairing;
  const pairing = {
    countOver: real.countOver.bind(real),
    deskKeeper: real.deskKeeper.bind(real),
    drop: fail,
  } as unknown as PairingStore;
  const store = { ...controller.store, pairing };
  const broken = { ...controller, store };
  const { mended } = await examineAndMend(broken, [], nothingAround(fleet));
  expect(mended.filter(({ ok }) => !ok)).toEqual([
    { name: "requests", ok: false, detail: "no more room" },
  ]);
  expect(mended.filter(({ ok }) => ok)).toHaveLength(5);
});

test("a registry that cannot be read is named, and the other checks are made", async () => {
  await using fleet = await LocalFleet.create();
  const { state_dir } = fleet.controller.config;
  mkdirSync(state_dir, { recursive: true });
  fleet.folder.write("control/state/agents", "a file where the folder should be", 0o640);
  const found = await examine(fleet.controller, [], nothingAround(fleet));
  expect(faults(found)).toContain(
    `registry: Cannot read ${state_dir}/agents: a part of its path is not a folder`,
  );
  expect(found.map(({ name }) => name)).toContain("leftovers");
});
