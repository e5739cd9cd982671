/** The files of a run's outputs, when the run is given up meanwhile. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { outputFolder } from "../../../../src/controller/store/output-file.ts";
import { RunOutputs } from "../../../../src/controller/store/run-outputs.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const REQID = "0123456789abcdef";

test("T65 a file that is being made when the run is given up does not stay open", async () => {
  using folder = new TestFolder();
  const text = `state_dir = ${folder.join("state")}\n`;
  const { config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text);
  const { log, events } = new EventLog("ctrl-exec");
  const outputs = new RunOutputs(
    { config, log, now: () => new Date() },
    { reqid: REQID, hosts: ["web-01"], token: "" },
  );
  const making = outputs.create(0, "stdout");
  outputs.close();
  await expect(making).rejects.toMatchObject({ code: "storage" });
  expect(existsSync(outputFolder(config, REQID))).toBe(true);
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
  expect(events).toEqual([]);
});
