/** What is started of an allowlisted name, and in what environment. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import {
  judgeAllowedScript,
  judgeStart,
  type Program,
  startAllowedScript,
} from "../../../../src/agent/scripts/run-script.ts";
import { scriptContext } from "../../../../src/agent/scripts/script-context.ts";
import { lineProblem } from "../../../../src/agent/scripts/script-file.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { baseEnvironment } from "../../../../src/system/process/start-program.ts";
import { TestFolder } from "../../../support/folder.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

const named = (path: string, name = "s") => ({ name, path, options: {} });
const ANYWHERE = { script_dirs: undefined };

test("a script is judged by its file; before a run also by what would execute it", () => {
  const good = folder.script("good.sh", "true");
  const odd = folder.write("odd.sh", "#!/no/such/interpreter\n", 0o755);
  const closed = folder.write("closed.sh", "#!/bin/sh\n", 0o644);
  const kinds = (judge: typeof judgeStart) =>
    [good, odd, closed].map((path) => judge(named(path), ANYWHERE).kind);
  expect(kinds(judgeAllowedScript)).toEqual(["good", "good", "unusable"]);
  expect(kinds(judgeStart)).toEqual(["good", "unusable", "unusable"]);
  const inside = { script_dirs: [folder.path] };
  expect(judgeStart(named(odd), inside)).toMatchObject({
    problem: expect.stringContaining("interpreter"),
  });
  mkdirSync(folder.join("other"));
  expect(judgeStart(named(good), { script_dirs: [folder.join("other")] }).kind).toBe("outside");
  // A folder that is the beginning of another's name does not contain it.
  expect(
    judgeStart(named(folder.script("otherwise.sh", "")), { script_dirs: [folder.join("other")] })
      .kind,
  ).toBe("outside");
  expect(judgeStart(named(good), { script_dirs: ["/"] }).kind).toBe("good");
  expect(judgeStart(named(good), { script_dirs: [folder.join("none")] }).kind).toBe("outside");
});

test("a slip in a line is suspected only if its file is missing", () => {
  const path = folder.join("none.sh timeuot=3");
  expect(lineProblem(path, judgeAllowedScript(named(path), ANYWHERE))).toContain(
    "did you mean timeout=?",
  );
  const closed = folder.write("there.sh timeuot=3", "", 0o644);
  expect(lineProblem(closed, judgeAllowedScript(named(closed), ANYWHERE))).toBeUndefined();
});

test("what is started is the real file under the name that was listed, with arguments as they are", async () => {
  const { config } = await parseAgentConfig(folder.join("agent.conf"), "");
  const path = folder.script("run.sh", "true");
  const programs: Program[] = [];
  const start = async (name: string) => {
    const script = named(path, name);
    const judged = judgeAllowedScript(script, config);
    return await startAllowedScript(script, judged, ["a b", ""], config, async (program) => {
      programs.push(program);
      return { kind: "started" } as const;
    });
  };
  expect(await start("s")).toEqual({ kind: "started" });
  const program = { kind: "program", file: path, calledAs: path, args: ["a b", ""] } as const;
  expect(programs).toEqual([{ ...program, env: baseEnvironment() }]);
  await start("update-ctrl-exec-serial");
  // It alone is told where the agent's own files are.
  const { env } = programs[1] ?? { env: {} };
  const more = Object.entries(env).filter(([name]) => !(name in baseEnvironment()));
  expect(more.map(([, value]) => value)).toEqual([config.file]);
});

test("what is not good is not started, with the system's reason where there is one", async () => {
  const { config } = await parseAgentConfig(folder.join("agent.conf"), "");
  const path = folder.script("open.sh", "true");
  const started = async () => {
    const judged = judgeAllowedScript(named(path), config);
    return await startAllowedScript(
      named(path),
      judged,
      [],
      config,
      async () => ({ kind: "started" }) as const,
    );
  };
  chmodSync(path, 0o777);
  expect(await started()).toEqual({ kind: "not-started", code: "EPERM", mayHaveRun: false });
  chmodSync(path, 0o644);
  expect(await started()).toEqual({ kind: "not-started", code: "EACCES", mayHaveRun: false });
});

test("a script is told who asks for what", () => {
  const context = {
    script: { name: "s" },
    args: ["a"],
    reqid: "0123456789abcdef",
    peerIp: "192.0.2.1",
    username: "bob",
    token: "t",
  };
  expect(JSON.parse(scriptContext(context, new Date("2026-11-29T12:00:00.999Z")))).toEqual({
    script: "s",
    args: ["a"],
    reqid: "0123456789abcdef",
    peer_ip: "192.0.2.1",
    username: "bob",
    token: "t",
    timestamp: "2026-11-29T12:00:00Z",
  });
});
