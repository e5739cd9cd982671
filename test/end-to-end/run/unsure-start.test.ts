/**
 * T65: a script that has started, and of which the agent then gets no handle. It may have run, and nobody says
 * that it has not.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { runCommand } from "../../support/binary.ts";
import { ROOT } from "../../support/documents.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";

const WITHOUT_PIDFD = join(import.meta.dir, "../..", "support", "without-pidfd.ts");

let control: ControlHost;
let agent: TestAgent;
beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.addAgent("web-01", {
    scripts: { mark: "echo ran" },
    allowlist: [
      "nothing = /nonexistent/script",
      `once = ${control.folder.script("web-01/once.sh", "echo ran")} concurrency=1`,
    ],
  });
  await agent.pair();
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** errno(3) of ENOMEM, ENFILE, EMFILE, EAGAIN and EIO, which no kernel gives here yet. */
test.each([
  [12, /no memory is left on the agent; wait/],
  [23, /this host has too many files open on the agent; close/],
  [24, /this program has too many files open on the agent; wait/],
  [11, /the limit of processes is reached on the agent; wait/],
  [5, /: EIO$/],
] as const)("T65 the state is unknown when the handle fails with %d", async (errno, words) => {
  await using serving = {
    agent: await agent.serve({ startedBy: [process.execPath, WITHOUT_PIDFD, `${errno}`] }),
    [Symbol.asyncDispose]: async () => void (await agent.stop()),
  };
  const first = await control.run("run", ["web-01", "mark", "--json"]);
  const [result] = JSON.parse(first.out).results;
  expect(result).toMatchObject({ exit: 126, state: "unknown" });
  expect(result.error).toMatch(/^cannot tell whether \/\S+\/mark\.sh ran \(/);
  expect(result.error).toMatch(words);
  expect(first.status).toBe(1);
  expect(first.err).toContain("Cannot tell whether mark ran on web-01");
  await serving.agent.seen(
    /ACTION=run ERROR="cannot tell whether .*mark\.sh ran .*" EXIT=126 .*SCRIPT=mark/,
  );
  // Its record says the same, and a script of which it is certain still never ran.
  const record = await control.run("status", [result.reqid, "--json"]);
  expect(JSON.parse(record.out).results).toMatchObject([{ state: "unknown" }]);
  const missing = await control.run("run", ["web-01", "nothing", "--json"]);
  expect(JSON.parse(missing.out).results).toMatchObject([{ exit: 126, state: "never-ran" }]);
  // The slot of the script is free again.
  for (const _ of [1, 2]) {
    const { out } = await control.run("run", ["web-01", "once", "--json"]);
    expect(JSON.parse(out).results).toMatchObject([{ exit: 126, state: "unknown" }]);
  }
});

test("T65 what is found out before anything is started never ran", async () => {
  const program = `
    import { closeSync, openSync } from "node:fs";
    import { runProcess } from "${ROOT}/src/system/process/run-process.ts";
    const request = { file: "/bin/true", args: [], env: {}, input: "", maxOutput: 1 };
    await runProcess(request);
    const open = [];
    try {
      for (;;) open.push(openSync("/dev/null"));
    } catch {
      // All are taken.
    }
    const { startError, mayHaveRun } = await runProcess(request);
    for (const descriptor of open) closeSync(descriptor);
    console.log(JSON.stringify({ startError, mayHaveRun }));
  `;
  const { out, err } = await runCommand([process.execPath, "-e", program], { files: 100 });
  expect([err, out.trim()]).toEqual(["", '{"startError":"EMFILE","mayHaveRun":false}']);
});
