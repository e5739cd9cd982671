/** Commands of the documents that leave a fleet as it was, typed on one that has the hosts they name. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { programPath, runProgram } from "../../support/binary.ts";
import { allBlocks } from "../../support/documents.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { shellCommands } from "../../support/shell-words.ts";

/** What needs no fleet, what the control host does with one, what an agent says of itself. */
const ALONE = ["--version", "asset"];
const CONTROL = [
  "run",
  "ping",
  "discovery",
  "list-scripts",
  "list-agents",
  "list-locks",
  "list-runs",
  "list-requests",
  "serial-status",
];
const UPKEEP = ["rotate-cert", "maintain"];
const AGENT = ["pairing-status", "self-check", "self-ping"];

const scripts = {
  "deploy-app": "echo deployed",
  "backup-mysql": 'test "$1" = --database',
  "ctrl-exec-demonstrator": "cat",
  health: "true",
};

/** The installer's line, without which self-check fails. */
const UPDATE_SERIAL = `update-ctrl-exec-serial = ${programPath("update-ctrl-exec-serial")}`;

let host: ControlHost;
const agents: TestAgent[] = [];

beforeAll(async () => {
  host = await ControlHost.create();
  host.folder.write(".ctrl-exec-token", "a token\n", 0o600);
  host.folder.write("hosts.txt", "web-[01-02] # the first\n");
  for (const name of ["web-01", "web-02", "web-03", "db-01"]) {
    agents.push(await host.startAgent(name, { scripts, allowlist: [UPDATE_SERIAL] }));
  }
});
afterAll(async () => await host[Symbol.asyncDispose]());

/** Without the paths of a real host, which the test replaces by its own, with the test's home folder, and without long pauses. */
function onThisHost(args: readonly string[]): string[] {
  const own = new Set(["--config", "--log"]);
  return args
    .filter((word, at) => !own.has(word) && !own.has(args[at - 1] ?? ""))
    .map((word, at, words) => (words[at - 1] === "--pause" ? "0" : word))
    .map((word) => word.replace(/^~(?=\/)/, host.folder.path));
}

const typed = allBlocks()
  .filter(({ info }) => info === "sh")
  .flatMap(({ text }) => shellCommands(text))
  // A port that only the reader's host has.
  .filter((words) => !words.join(" ").includes("7450"))
  // What ctrl-exec-api carries out would go on beside the next command; fleet/typed-examples has that service.
  .filter((words) => !(words.includes("--batch") && words.includes("--detach")));
const modes = (program: string, wanted: readonly string[]) => {
  const found = typed.filter(([name, mode = ""]) => name === program && wanted.includes(mode));
  return [...new Map(found.map((words) => [words.join(" "), words])).entries()];
};

test.each(modes("ctrl-exec", ALONE))("%s", async (_, [, ...args]) => {
  const { status, err } = await runProgram("ctrl-exec", args);
  expect({ status, err }).toEqual({ status: 0, err: "" });
});

test.each([...modes("ctrl-exec", CONTROL), ...modes("ctrl-exec", UPKEEP)])(
  "%s",
  async (_, [, ...args]) => {
    const { status, err } = args.includes("--help")
      ? await runProgram("ctrl-exec", args)
      : await host.program("ctrl-exec", onThisHost(args), { input: "a token\n" });
    expect(status, err).toBe(0);
  },
);

test.each(modes("ctrl-exec-agent", AGENT))("%s", async (_, [, mode = "", ...args]) => {
  const { status, out, err } = (await agents[0]?.run(mode, args)) ?? { status: -1 };
  expect(status, `${out}${err}`).toBe(0);
});

test("every mode is there that the documents are expected to show", () => {
  for (const mode of [...CONTROL, ...UPKEEP]) expect(modes("ctrl-exec", [mode])).not.toEqual([]);
  for (const mode of AGENT) expect(modes("ctrl-exec-agent", [mode])).not.toEqual([]);
});
