/** The files of the locks of runs: what cannot be opened, and what else is in their folder. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, utimesSync } from "node:fs";
import { FileLocks } from "../../../../src/controller/store/file-locks.ts";
import { lockFileName } from "../../../../src/controller/store/lock-file-name.ts";
import { lockPath } from "../../../../src/controller/store/lock-path.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { takeLock } from "../../../../src/system/files/lock.ts";
import { workDescriptors } from "../../../../src/system/process/descriptors.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";

async function locksIn(folder: TestFolder) {
  const text = `state_dir = ${folder.path}\n`;
  const { config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text);
  const { log } = new EventLog("ctrl-exec");
  return { config, locks: new FileLocks({ config, log, now: () => new Date() }) };
}

function wanted(host: string) {
  const key = { host, script: "deploy", port: undefined };
  const holder = { host, port: 7443, script: "deploy", pid: process.pid, user: "alice" };
  return { key, holder: { ...holder, since: "2026-01-15T12:00:00Z", reqid: "0123456789abcdef" } };
}

test("T65 where one cannot be opened none is held, and none takes a descriptor", async () => {
  using folder = new TestFolder();
  const { config, locks } = await locksIn(folder);
  const inTheWay = `${paths(config).locks}/${lockFileName("web-02", "deploy", undefined)}`;
  mkdirSync(inTheWay, { recursive: true });
  const { free } = workDescriptors();
  const both = [wanted("web-01"), wanted("web-02")];
  await expect(locks.take(both)).rejects.toMatchObject({ code: "storage" });
  expect([await locks.holders(), workDescriptors().free]).toEqual([[], free]);
});

test("the locks of this host's own files are nobody's run, and stay", async () => {
  using folder = new TestFolder();
  const { config, locks } = await locksIn(folder);
  const own = lockPath(config, "registry");
  {
    using _lock = await takeLock(own);
    expect(await locks.holders()).toEqual([]);
  }
  utimesSync(own, 0, 0);
  expect([await locks.dropUnused(), existsSync(own)]).toEqual([0, true]);
});

test("a lock that was released leaves its file, which is counted until it is dropped", async () => {
  using folder = new TestFolder();
  const { locks } = await locksIn(folder);
  const taken = await locks.take([wanted("web-01"), wanted("web-02")]);
  if (taken.kind === "held") await taken.held[0]?.release();
  const minutes = (count: number) => new Date(Date.now() + count * 60_000);
  expect(await locks.countUnused(minutes(1))).toBe(1);
  expect(await locks.countUnused(minutes(-1))).toBe(0);
  if (taken.kind === "held") await taken.held[1]?.release();
});
