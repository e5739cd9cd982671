import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { type Finished, programPath, runCommand, runProgram } from "../../support/binary.ts";
import { TestFolder, until } from "../../support/folder.ts";
import { processesOf } from "../../support/processes.ts";
import { TerminalSession } from "../../support/terminal.ts";

test("demo shows the whole system, ends 0 and leaves nothing behind", async () => {
  using folder = new TestFolder();
  const { status, out, err } = await runProgram("ctrl-exec", ["demo"], {
    env: { TMPDIR: folder.path },
  });
  expect(err).toBe("");
  expect(status).toBe(0);
  for (const shown of [
    "$ ctrl-exec setup-ca ",
    "$ ctrl-exec-agent request-pairing ",
    "$ ctrl-exec approve ",
    "$ ctrl-exec ping web-01 db-01 ",
    "$ ctrl-exec run web-01 db-01 greet ",
    "Hello you there, this is a script on an agent.",
    "FAIL  exit:3",
    '"username":"alice"',
    "ERROR: script not permitted",
    "ACTION=dispatch HOSTS=web-01,db-01",
    "Every result was the expected one.",
  ]) {
    expect(out).toContain(shown);
  }
  expect(readdirSync(folder.path)).toEqual([]);
  expect(processesOf(folder.path)).toEqual([]);
});

describe("demo --keep, with the caller's own configuration and environment", () => {
  const folder = new TestFolder();
  let shown: Finished;
  beforeAll(async () => {
    shown = await runProgram("ctrl-exec", ["demo", "--keep"], {
      env: { TMPDIR: folder.path, ENVEXEC_TOKEN: "secret", NODE_OPTIONS: "--no-such-option" },
      cwd: folder.path,
    });
  });
  afterAll(() => folder[Symbol.dispose]());

  test("the caller's own configuration and environment change nothing", () => {
    expect({ status: shown.status, err: shown.err }).toEqual({ status: 0, err: "" });
  });

  test("demo --keep leaves agents that answer, and says how to talk to them and end them", async () => {
    const said = (pattern: RegExp) => pattern.exec(shown.out)?.[1] ?? "no such line";
    const shell = async (line: string) => await runCommand(["sh", "-c", line]);
    const end = said(/To end it: (.*)\n/);
    try {
      const pinged = await shell(said(/^(\S+ ping .*)$/m));
      expect(pinged.out).toMatch(/^web-01 +ok /m);
      expect(pinged.out).toMatch(/^db-01 +ok /m);
      const run = await shell(said(/^(\S+ run .*)$/m));
      expect(run.status).toBe(0);
      expect(run.out).toContain("Hello you");
      expect(existsSync(said(/Scripts are listed in (.*)\n/))).toBe(true);
      expect(said(/^(\S+) ping /m)).toEndWith(programPath("ctrl-exec").split("/").pop() ?? "");
    } finally {
      await shell(end);
    }
    await until("the agents have ended", () => processesOf(folder.path).length === 0);
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

test("demo at Ctrl-C leaves no agent and no folder behind", async () => {
  using folder = new TestFolder();
  const session = new TerminalSession("ctrl-exec", ["demo"], { TMPDIR: folder.path });
  await session.seen(/ctrl-exec agent serve .*db-01/);
  session.type("\u0003");
  await session.ended();
  expect(session.signal).toBe("SIGINT");
  await until("no agent runs", () => processesOf(folder.path).length === 0);
  expect(readdirSync(folder.path)).toEqual([]);
});
