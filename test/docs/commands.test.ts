/** Every command of ours that a document shows is one that the program takes. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { agentProgram } from "../../src/cli/agent/program.ts";
import { apiProgram } from "../../src/cli/api/program.ts";
import {
  type Program,
  runVerb,
  splitCommandLine,
  unknownMode,
} from "../../src/cli/command/command.ts";
import { openIo } from "../../src/cli/command/io.ts";
import { controllerProgram } from "../../src/cli/controller/program.ts";
import { updateSerialProgram } from "../../src/cli/update-serial.ts";
import { allBlocks, documents, ROOT, readDocument } from "../support/documents.ts";
import { shellCommands } from "../support/shell-words.ts";

const PROGRAMS: Readonly<Record<string, Program>> = {
  "ctrl-exec": controllerProgram,
  "ctrl-exec-agent": agentProgram,
  "ctrl-exec-api": apiProgram,
  "update-ctrl-exec-serial": updateSerialProgram,
};

/** What else documents may tell a reader to type. A new one is a new thing he must have. */
const FOREIGN = new Set(
  "cat chmod chown cp curl docker grep head install journalctl ln mkdir openssl sed sh sleep ssh-keygen systemctl".split(
    " ",
  ),
);

/** @throws CtrlExecError as the program would, before it does anything */
async function accept(program: Program, args: readonly string[]): Promise<void> {
  const line = splitCommandLine(program, args);
  if (line.help || line.version) return;
  const mode = line.mode ?? "";
  const entry = program.verbs[mode];
  if (entry === undefined) throw unknownMode(program, mode);
  const verb = await entry.load();
  await runVerb(program, mode, { ...verb, run: async () => 0 }, line, openIo());
}

async function acceptCommand([name = "", ...args]: readonly string[]): Promise<void> {
  const program = PROGRAMS[name];
  if (program !== undefined) await accept(program, args);
  else if (name === "make") {
    for (const target of args) expect(readDocument("Makefile")).toMatch(`\n${target}:`);
  } else if (name.endsWith("install.sh")) acceptInstall(args);
  else if (name === "sh" && args[0] === "install.sh") acceptInstall(args.slice(1));
  else if (name === "sh" && args[0] === "-s") acceptInstall(args.slice(2));
  else if (name.startsWith("/opt/ctrl-exec-scripts/")) return;
  else expect([...FOREIGN], `${name} is a command that documents may use`).toContain(name);
}

/** The installer reads its options in order, so that --help behind them all means it took them. */
function acceptInstall(args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["sh", join(ROOT, "install.sh"), ...args, "--help"]);
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
}

describe("the commands of the documents", () => {
  const blocks = allBlocks().filter(({ info }) => info === "sh");
  test.each(blocks.map((block) => [block.place, block] as const))("%s", async (_, { text }) => {
    const commands = shellCommands(text);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) await acceptCommand(command);
  });
});

test("a command that the program does not take is seen", async () => {
  expect(acceptCommand(["ctrl-exec", "run", "web-01"])).rejects.toThrow("needs");
  expect(acceptCommand(["ctrl-exec", "ping", "web-01", "--jsn"])).rejects.toThrow("--jsn");
  expect(acceptCommand(["ctrl-exec", "no-such-mode"])).rejects.toThrow("no-such-mode");
  expect(acceptCommand(["make", "no-such-target"])).rejects.toThrow();
  expect(acceptCommand(["./install.sh", "--no-such-option"])).rejects.toThrow();
  expect(acceptCommand(["no-such-tool"])).rejects.toThrow();
});

test("commands are found after assignments, pipes and continuation lines", () => {
  expect(
    shellCommands(
      "# no\nREQID=$(ctrl-exec-agent request-pairing \\\n  --background)\nA=1 ctrl-exec run web-01 x -- 'a b' | grep \"c d\" > f # tail\n",
    ),
  ).toEqual([
    ["ctrl-exec-agent", "request-pairing", "--background"],
    ["ctrl-exec", "run", "web-01", "x", "--", "a b"],
    ["grep", "c d"],
  ]);
});

describe("the links of the documents lead somewhere", () => {
  test.each(documents())("%s", (file) => {
    for (const [, target = ""] of readDocument(file).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (/^https?:/.test(target)) continue;
      expect(existsSync(join(ROOT, file, "..", target)), target).toBe(true);
    }
  });
});

test("README opens with what it is and the two commands, and stays short", () => {
  const lines = readDocument("README.md").split("\n");
  expect(lines.length).toBeLessThan(150);
  const opening = lines.slice(0, 16);
  expect(opening).toContain("make demo");
  expect(opening).toContain("make test");
});
