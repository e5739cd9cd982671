/** What completions offer, read while a person waits. */
import { expect, test } from "bun:test";
import { scriptsSeen } from "../../../../src/controller/store/scripts-seen.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { TestFolder } from "../../../support/folder.ts";

test("T29 records that a host's answer has made huge are passed over", async () => {
  using folder = new TestFolder();
  const { config } = await parseControllerConfig("x.conf", `state_dir = ${folder.path}\n`);
  const ran = (id: string, script: string, stdout = "") =>
    folder.write(
      `runs/${id}.json`,
      JSON.stringify({ script, results: [{ host: "web-01", exit: 0, stdout }] }),
    );
  ran("0000000000000001", "deploy-app");
  ran("0000000000000002", "flood");
  expect(scriptsSeen(config, [])).toEqual(["deploy-app", "flood"]);
  ran("0000000000000002", "flood", "a".repeat(2 ** 24));
  expect(scriptsSeen(config, [])).toEqual(["deploy-app"]);
});
