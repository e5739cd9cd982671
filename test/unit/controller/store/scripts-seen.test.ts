/** What completions offer, read while a person waits. */
import { expect, test } from "bun:test";
import { utimesSync } from "node:fs";
import { scriptsSeen } from "../../../../src/controller/store/scripts-seen.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { TestFolder } from "../../../support/folder.ts";

test("T29 records that a host's answer has made huge are passed over", async () => {
  using folder = new TestFolder();
  const { config } = await parseControllerConfig("x.conf", `state_dir = ${folder.path}\n`);
  const ran = (id: string, script: string, bytes = 0) => {
    const text = JSON.stringify({ script, results: [{ host: "web-01", exit: 0 }] });
    return folder.write(`runs/${id}.json`, text.padEnd(bytes));
  };
  utimesSync(ran("0000000000000001", "deploy-app"), 0, 0);
  ran("0000000000000002", "flood");
  expect(scriptsSeen(config, [])).toEqual(["deploy-app", "flood"]);
  ran("0000000000000002", "flood", 2 ** 24);
  expect(scriptsSeen(config, [])).toEqual(["flood"]);
  ran("0000000000000002", "flood", 2 ** 24 + 1);
  expect(scriptsSeen(config, [])).toEqual(["deploy-app"]);
});

test("T29 of records that are too long together the newest are looked at", async () => {
  using folder = new TestFolder();
  const { config } = await parseControllerConfig("x.conf", `state_dir = ${folder.path}\n`);
  const now = Date.now() / 1000;
  for (const [age, script] of ["newest", "next", "oldest"].entries()) {
    const results = [{ host: "web-01", exit: 0, stdout: "a".repeat(6 * 2 ** 20) }];
    const file = folder.write(
      `runs/000000000000000${age}.json`,
      JSON.stringify({ script, results }),
    );
    utimesSync(file, now - age, now - age);
  }
  expect(scriptsSeen(config, [])).toEqual(["newest", "next"]);
});

test("the two hundred newest records are looked at, and names that are no allowlist's left out", async () => {
  using folder = new TestFolder();
  const { config } = await parseControllerConfig("x.conf", `state_dir = ${folder.path}\n`);
  const now = Date.now() / 1000;
  const ran = (number: number, script: string, end: object = { exit: 0 }) => {
    const id = number.toString(16).padStart(16, "0");
    const text = JSON.stringify({ script, results: [{ host: "web-01", ...end }] });
    utimesSync(folder.write(`runs/${id}.json`, text), now - number, now - number);
  };
  for (let number = 1; number <= 194; number++) ran(number, "deploy");
  ran(195, "update-ctrl-exec-serial");
  ran(196, "../x");
  ran(197, "failed", { exit: 255 });
  ran(198, "refused", { exit: -1 });
  ran(199, "unsaid", {});
  ran(200, "backup");
  ran(201, "older");
  expect(scriptsSeen(config, [])).toEqual(["backup", "deploy", "failed"]);
  folder.write("runs/notes.json", JSON.stringify({ script: "notes", results: [] }));
  expect(scriptsSeen(config, ["db-01"])).toEqual([]);
  using empty = new TestFolder();
  const none = await parseControllerConfig("x.conf", `state_dir = ${empty.path}\n`);
  expect(scriptsSeen(none.config, [])).toEqual([]);
});
