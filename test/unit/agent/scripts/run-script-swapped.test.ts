/** What was judged is what is executed, whatever is done to the links meanwhile (T13). */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, realpathSync } from "node:fs";
import type { AllowedScript } from "../../../../src/agent/scripts/allowlist.ts";
import { judgeAllowedScript } from "../../../../src/agent/scripts/run-script.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import type { ProcessResult } from "../../../../src/system/process/run-process.ts";
import { TestFolder } from "../../../support/folder.ts";
import { LinkSwapper, swapLink } from "../../../support/link-swapper.ts";
import { runScript } from "../../../support/run-script.ts";

/** By its path, one run in ten left the folder. */
const RUNS = 150;

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

const dir = folder.join("dir");
mkdirSync(dir);
const { config } = await parseAgentConfig(folder.join("agent.conf"), `script_dirs = ${dir}\n`);
const inside = folder.script("dir/inside.sh", 'echo inside "$0"');
const outside = folder.script("outside.sh", 'echo outside "$0"');

const listed = (path: string): AllowedScript => ({ name: "x", path, options: {} }) as AllowedScript;
const judge = (script: AllowedScript) => judgeAllowedScript(script, config);
const run = async (script: AllowedScript, judged = judge(script), args: string[] = []) =>
  await runScript(script, judged, args, config);
const said = ({ stdout }: ProcessResult) => Buffer.concat(stdout.chunks).toString().trim();

test("T13 a link that is swapped after it was judged does not lead out of script_dirs", async () => {
  const link = folder.join("dir", "link");
  swapLink(link, inside);
  const judged = judge(listed(link));
  expect(judged).toEqual({ kind: "good", real: inside });
  swapLink(link, outside);
  expect(said(await run(listed(link), judged))).toBe(`inside ${inside}`);
  expect(judge(listed(link)).kind).toBe("outside");
});

test("T13 nor does a folder on the way to it", async () => {
  folder.script("dir/real/x.sh", "echo inside");
  folder.script("elsewhere/x.sh", "echo outside");
  const way = folder.join("dir", "way");
  swapLink(way, "real");
  const script = listed(`${way}/x.sh`);
  const judged = judge(script);
  swapLink(way, folder.join("elsewhere"));
  expect(said(await run(script, judged))).toBe("inside");
});

test("T13 nothing leaves script_dirs while another process swaps the link without end", async () => {
  const link = folder.join("dir", "busy");
  swapLink(link, inside);
  await using _ = new LinkSwapper(link, [outside, inside]);
  const seen = { good: 0, outside: 0 };
  while (seen.good < RUNS || seen.outside === 0) {
    const judged = judge(listed(link));
    if (judged.kind === "outside") seen.outside += 1;
    if (judged.kind !== "good") continue;
    seen.good += 1;
    expect(said(await run(listed(link), judged))).toStartWith("inside");
  }
});

test("a program sees the name that was listed, since a link may be a program's name", async () => {
  const every = await parseAgentConfig(folder.join("agent.conf"), "");
  const link = folder.join("dir", "called");
  swapLink(link, "/bin/sh");
  const judged = judgeAllowedScript(listed(link), every.config);
  expect(judged).toMatchObject({ kind: "good", real: realpathSync("/bin/sh") });
  // Without a name of its own, a command's $0 is what the shell was called by.
  const args = ["-c", 'echo "$0"'];
  const result = await runScript(listed(link), judged, args, every.config);
  expect(said(result)).toBe(link);
});

test("what cannot be executed keeps its code, behind a link too", async () => {
  const cases = {
    EACCES: folder.write("dir/plain.sh", "#!/bin/sh\n", 0o644),
    ENOENT: folder.write("dir/orphan.sh", "#!/no/such/interpreter\n", 0o755),
    ENOEXEC: folder.write("dir/bare.sh", "echo x\n", 0o755),
  };
  for (const [code, path] of Object.entries(cases)) {
    swapLink(folder.join("dir", "to"), path);
    const result = await run(listed(folder.join("dir", "to")));
    expect(result).toMatchObject({ exit: undefined, startError: code });
  }
});
