/** One start of group_command: what it prints, or what is said of it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, closeSync, openSync } from "node:fs";
import { askGroupCommand } from "../../../../src/controller/groups/group-command.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
beforeEach(async () => {
  fleet = await LocalFleet.bare();
});
afterEach(() => fleet[Symbol.asyncDispose]());

async function failure(command: string) {
  const { code, message, hint } = await askGroupCommand(fleet.controller, command).then(
    () => expect.unreachable("it was read"),
    asCtrlExecError,
  );
  expect({ code, hint }).toEqual({
    code: "busy",
    hint: "Groups of groups.d can be used without it. ACTION=group-command-fail in the log says more.",
  });
  const [logged] = fleet.log.of("group-command-fail");
  expect(logged?.fields.PATH).toBe(command);
  return { message, logged: logged?.fields.ERROR };
}

test("its groups are what it prints, whatever it says beside them", async () => {
  const command = fleet.folder.script("command", `echo ready >&2; echo '{"web": ["web-01"]}'`);
  expect([...(await askGroupCommand(fleet.controller, command))]).toEqual([
    ["web", { expressions: ["web-01"], hosts: [], children: [] }],
  ]);
  expect(fleet.log.events).toEqual([]);
});

test("the log has what it said, up to its three hundredth character; who asks has not", async () => {
  const said = `${"x".repeat(299)}yz`;
  const command = fleet.folder.script("command", `printf '\\n  ${said}' >&2; exit 4`);
  expect(await failure(command)).toEqual({
    message: "Cannot find the groups: group_command ended with status 4",
    logged: `ended with status 4; it said: ${said.slice(0, 300)}`,
  });
});

test("one that says nothing, or is not there, is told without it", async () => {
  const silent = fleet.folder.script("command", "exit 4");
  expect((await failure(silent)).logged).toBe("ended with status 4");
  fleet.log.events.length = 0;
  const missing = fleet.folder.join("none");
  const { message, logged } = await failure(missing);
  expect(message).toStartWith("Cannot find the groups: group_command cannot be used: ");
  expect(message).toEndWith(String(logged));
});

test.each([
  [
    "#!/nonexistent/sh\n",
    "its interpreter is missing: /nonexistent/sh; install /nonexistent/sh, or correct the script's #! line",
  ],
  ["#!/bin/sh\r\n", "its lines end with CRLF, as on Windows, so its interpreter is not found"],
])("one that begins with %j cannot be started, and it is said why", async (text, why) => {
  const command = fleet.folder.write("command", text, 0o755);
  const { message } = await failure(command);
  expect(message).toStartWith(
    `Cannot find the groups: group_command cannot be started: ${command}: ${why}`,
  );
});

/** It has been tried once when this returns. */
function askWhileWritten(command: string) {
  const writer = openSync(command, "r+");
  return { writer, asked: askGroupCommand(fleet.controller, command) };
}

test("one that is being written is started once it is written", async () => {
  const command = fleet.folder.script("command", "echo '{}'");
  const { writer, asked } = askWhileWritten(command);
  closeSync(writer);
  expect((await asked).size).toBe(0);
});

test("T62 it is judged again before that", async () => {
  const command = fleet.folder.script("command", "echo '{}'");
  const { writer, asked } = askWhileWritten(command);
  chmodSync(command, 0o777);
  closeSync(writer);
  await expect(asked).rejects.toThrow("group_command cannot be used: ");
});

test("one of which only the system knows why it does not start is told in words", async () => {
  const command = fleet.folder.write("command", "\0", 0o755);
  expect((await failure(command)).message).toBe(
    "Cannot find the groups: group_command cannot be started: it has no #! line and is no program",
  );
});
