/** A script that is being written when it is asked for: the kernel refuses it (ETXTBSY), for a moment. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, closeSync, openSync } from "node:fs";
import type { AllowedScript } from "../../../../src/agent/scripts/allowlist.ts";
import { judgeAllowedScript } from "../../../../src/agent/scripts/run-script.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { startProblem } from "../../../../src/core/start-failure.ts";
import { TestFolder } from "../../../support/folder.ts";
import { runScript } from "../../../support/run-script.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

const { config } = await parseAgentConfig(folder.join("agent.conf"), "");

/** Asks for a script that is open for writing; it has been tried once when this returns. */
function askWhileOpen(name: string) {
  const script: AllowedScript = { name, path: folder.script(name, "echo whole"), options: {} };
  const writer = openSync(script.path, "r+");
  const judged = judgeAllowedScript(script, config);
  const running = runScript(script, judged, [], config);
  return { path: script.path, writer, running };
}

test("it runs once it is written", async () => {
  const { writer, running } = askWhileOpen("soon");
  closeSync(writer);
  const { exit, startError, stdout } = await running;
  expect([exit, startError]).toEqual([0, undefined]);
  expect(Buffer.concat(stdout.chunks).toString()).toBe("whole\n");
});

test("T13 it is judged again before it runs", async () => {
  const { path, writer, running } = askWhileOpen("opened");
  chmodSync(path, 0o777);
  closeSync(writer);
  expect(await running).toMatchObject({ exit: undefined, startError: "EPERM" });
});

test("one that stays open is not waited for longer than a moment, and the answer says why", async () => {
  const { path, writer, running } = askWhileOpen("never");
  const { exit, startError = "" } = await running;
  closeSync(writer);
  expect([exit, startError]).toEqual([undefined, "ETXTBSY"]);
  expect(startProblem(path, startError, false)).toBe(`cannot execute ${path}: ETXTBSY`);
});
