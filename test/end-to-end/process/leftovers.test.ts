/** What killed writes have left in the programs' folders: `.name.*.tmp`, some of it with keys (T10). */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, utimesSync } from "node:fs";
import { dirname } from "node:path";
import { ControlHost } from "../../support/fleet.ts";

const LEFT = ".left.key.0123456789ab.tmp";
const AN_HOUR_AGO = new Date(Date.now() - 3_600_000);

function leave(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/${LEFT}`;
  Bun.spawnSync(["sh", "-c", 'umask 077; echo key > "$1"', "sh", file]);
  utimesSync(file, AN_HOUR_AGO, AN_HOUR_AGO);
}

function foldersWithLeftovers(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".tmp")).map((name) => dirname(name));
}

test("T10 maintain removes them from every folder of the control host", async () => {
  await using control = await ControlHost.create();
  const root = control.folder.join("control");
  const folders = ["", "credentials", "state", "state/agents", "state/pairing", "state/locks"];
  for (const name of folders) leave(`${root}/${name}`);
  leave(`${root}/state/runs`);
  await control.mustRun("list-agents");
  expect(foldersWithLeftovers(root)).toHaveLength(folders.length + 1);
  await control.mustRun("maintain");
  expect(foldersWithLeftovers(root)).toEqual([]);
});

test("T10 an agent removes them when it starts, and what pairs it before it asks", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", { scripts: {} });
  const root = agent.path(".");
  leave(root);
  await agent.pair();
  expect(foldersWithLeftovers(root)).toEqual([]);
  leave(root);
  await agent.serve();
  expect(foldersWithLeftovers(root)).toEqual([]);
});
