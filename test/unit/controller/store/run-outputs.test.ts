/** The files of a run's outputs, when the run is given up meanwhile. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { outputFolder } from "../../../../src/controller/store/output-file.ts";
import { isInUse } from "../../../../src/controller/store/output-folder-lock.ts";
import { RunOutputs } from "../../../../src/controller/store/run-outputs.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const REQID = "0123456789abcdef";

async function outputsIn(folder: TestFolder) {
  const text = `state_dir = ${folder.join("state")}\n`;
  const { config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text);
  const { log, events } = new EventLog("ctrl-exec");
  const outputs = new RunOutputs(
    { config, log, now: () => new Date() },
    { reqid: REQID, hosts: ["web-01"], token: "" },
  );
  const open = () => openFiles(process.pid).filter((file) => file.startsWith(folder.path));
  return { config, events, outputs, open };
}

test("T65 of a run that is given up no file stays open, nor its folder; twice is as good as once", async () => {
  using folder = new TestFolder();
  const { config, events, outputs, open } = await outputsIn(folder);
  await outputs.create(0, "stdout");
  await outputs.create(0, "stderr");
  expect(isInUse(outputFolder(config, REQID))).toBe(true);
  outputs.close();
  await until("the files are closed", () => open().length === 0);
  expect(isInUse(outputFolder(config, REQID))).toBe(false);
  outputs.close();
  expect(events).toEqual([]);
});

test("T65 the file of an output that has ended is closed while the run goes on", async () => {
  using folder = new TestFolder();
  const { config, outputs, open } = await outputsIn(folder);
  const output = outputs.of("web-01");
  await output.take("stdout", Buffer.alloc(70_000, "x"));
  const path = `${outputFolder(config, REQID)}/0.stdout`;
  expect(open()).toContain(path);
  expect((await output.end()).bytes).toEqual({ stdout: 70_000, stderr: 0 });
  expect(open()).toEqual([outputFolder(config, REQID)]);
  outputs.close();
});

test("T65 a file that is being made when the run is given up does not stay open", async () => {
  using folder = new TestFolder();
  const { config, events, outputs, open } = await outputsIn(folder);
  const making = outputs.create(0, "stdout");
  outputs.close();
  await expect(making).rejects.toMatchObject({ code: "storage" });
  expect(existsSync(outputFolder(config, REQID))).toBe(true);
  expect(open()).toEqual([]);
  expect(events).toEqual([]);
});
