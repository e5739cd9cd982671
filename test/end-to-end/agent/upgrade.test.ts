/** Root's part of an upgrade by the compiled program, which replaces itself; the agent answers a real control host. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { UpgradeInbox } from "../../../src/agent/upgrade/inbox.ts";
import { buildName } from "../../../src/core/release/platform.ts";
import { VERSION } from "../../../src/core/version.ts";
import { ownPlatform } from "../../../src/system/own-platform.ts";
import { cleanEnvironment } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { readPapers } from "../../support/release.ts";
import { OTHER_VERSION, UpgradeStage } from "../../support/upgrade-stage.ts";

let control: ControlHost;
let stage: UpgradeStage;
beforeAll(async () => {
  control = await ControlHost.create();
  stage = await UpgradeStage.create(control, "web-01");
  await stage.startAgent();
  await answersWith(VERSION);
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

async function versionNow(): Promise<string> {
  const { out } = await control.run("ping", ["web-01", "--json"]);
  return JSON.parse(out).results[0].version;
}

async function answersWith(version: string): Promise<void> {
  await until(`the agent answers with ${version}`, async () => (await versionNow()) === version);
}

let handed = 0;

async function handIn(release: string): Promise<void> {
  const bytes = readFileSync(`${release}/${buildName(ownPlatform())}.gz`);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  handed += 1;
  const reqid = handed.toString(16).padStart(16, "0");
  const inbox = new UpgradeInbox(stage.agent.path("upgrade"));
  const request = { reqid, ...readPapers(release), size: bytes.length, sha256, downgrade: false };
  inbox.begin(request, new Date());
  inbox.take(reqid, 0, bytes);
  await inbox.handOver(reqid);
}

const isSame = (one: string, other: string) => {
  const [a, b] = [one, other].map((name) => statSync(stage.program(name)).ino);
  return a === b;
};

test("T36 a program that starts and does not answer is rolled back", async () => {
  stage.configure("upgrade_timeout = 1");
  const silent = "case $1 in --version) echo ctrl-exec 1.8.0 ;; *) exec sleep 600 ;; esac";
  await handIn(stage.release("1.8.0", silent));
  const { status, out, err } = await stage.apply();
  expect({ status, out }).toEqual({ status: 1, out: "" });
  expect(err).toMatch(/^Cannot upgrade from \S+ to 1\.8\.0: .*\n\S+ was put back\.\n$/);
  expect(await versionNow()).toBe(VERSION);
  expect(isSame("ctrl-exec", "ctrl-exec-upgrade")).toBe(true);
  await until("it is logged", () => control.log.of("upgrade-rollback").length === 1);
});

// What each step leaves is laid out in the unit's tests; here the kept program takes over from one that was killed.
test("T10 T36 kill -9 leaves a host that answers, and the next start finishes", async () => {
  stage.configure();
  await handIn(stage.workingRelease());
  writeFileSync(stage.agent.path("kill-now"), "");
  const applying = Bun.spawn(stage.applyCommand, { env: cleanEnvironment(), stderr: "ignore" });
  await applying.exited;
  expect(applying.signalCode).toBe("SIGKILL");
  expect(await versionNow()).toBe(VERSION);
  expect(isSame("ctrl-exec", "ctrl-exec-upgrade")).toBe(false);
  const { status, err, out } = await stage.apply();
  expect({ status, err, out }).toEqual({
    status: 0,
    err: "",
    out: `Upgraded from ${VERSION} to ${OTHER_VERSION}\n`,
  });
  expect(await versionNow()).toBe(OTHER_VERSION);
  expect(isSame("ctrl-exec", "ctrl-exec-upgrade")).toBe(true);
  expect(readdirSync(stage.agent.path("upgrade"))).toEqual([]);
  expect(readdirSync(stage.agent.path("state")).sort()).toEqual(["last.json", "lock"]);
  expect((await stage.apply()).out).toStartWith("Nothing to do: ");
});
