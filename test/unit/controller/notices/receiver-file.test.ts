/** What may stand in a file of notify.d. */
import { expect, test } from "bun:test";
import { readReceiverFile } from "../../../../src/controller/notices/receiver-file.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";

const read = (...lines: string[]) => readReceiverFile("pager", "/n/pager.toml", lines.join("\n"));

const EVENTS = 'events = ["run-failed"]';
const URL_LINE = 'url = "https://hooks.example.com/x?y=z"';
const KEY = 'key_file = "/etc/key"';

test("an address, with its key", async () => {
  const receiver = await read(EVENTS, URL_LINE, KEY, 'ca_file = "/ca.pem"', "deadline = 60");
  expect(receiver).toMatchObject({
    kind: "address",
    name: "pager",
    keyFile: "/etc/key",
    caFile: "/ca.pem",
    timeoutMs: 10_000,
    deadlineMs: 60_000,
  });
  expect(receiver.kind === "address" && receiver.url.href).toBe("https://hooks.example.com/x?y=z");
  expect([...receiver.kinds]).toEqual(["run-failed"]);
});

test("a program, with its arguments", async () => {
  const receiver = await read(EVENTS, 'program = ["/bin/page", "--team", "ops"]', "timeout = 3");
  expect(receiver).toMatchObject({
    kind: "program",
    program: "/bin/page",
    args: ["--team", "ops"],
    timeoutMs: 3000,
    deadlineMs: 86_400_000,
  });
});

test.each([
  [["no toml"], "line 1"],
  [[URL_LINE, KEY], "events: expected a list of run-failed"],
  [["events = []", URL_LINE, KEY], "events: expected a list of run-failed"],
  [['events = ["run-faild"]', URL_LINE, KEY], "events: expected a list of run-failed"],
  [[EVENTS], "it needs url or program"],
  [[EVENTS, URL_LINE, KEY, 'program = ["/bin/x"]'], "not both"],
  [[EVENTS, URL_LINE], "url needs key_file"],
  [[EVENTS, 'url = "ftp://x/"', KEY], "url: expected an address that begins with https://"],
  [[EVENTS, 'url = "hooks.example.com"', KEY], "url: expected an address"],
  [[EVENTS, 'url = "https://u:secret@x/"', KEY], "url: it has a user or a password"],
  [[EVENTS, 'url = "http://x/"', KEY, 'ca_file = "/ca"'], "ca_file needs an address"],
  [[EVENTS, URL_LINE, 'key_file = "key"'], "key_file: expected an absolute path"],
  [[EVENTS, 'program = "/bin/x"'], "program: expected a list"],
  [[EVENTS, 'program = ["x"]'], "expected an absolute path"],
  [[EVENTS, 'program = ["/x"]', KEY], "belong to url"],
  [[EVENTS, URL_LINE, KEY, "timeout = 0"], "timeout: expected a whole number from 1 to 300"],
  [[EVENTS, URL_LINE, KEY, "deadline = 604801"], "deadline: expected a whole number"],
  [[EVENTS, URL_LINE, KEY, "time_out = 3"], '"time_out": unknown key; did you mean timeout?'],
  [[EVENTS, URL_LINE, KEY, "colour = 3"], '"colour": unknown key; expected one of events, url'],
] as const)("T35 refused: %j", async (lines, problem) => {
  const { code, message } = await read(...lines).then(
    () => expect.unreachable("it was read"),
    asCtrlExecError,
  );
  expect(code).toBe("config");
  expect(message).toContain("/n/pager.toml");
  expect(message).toContain(problem);
  // What follows a host's name may be a secret.
  expect(message).not.toContain("secret");
});
