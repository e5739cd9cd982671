/** What a service manager's reload runs: it fails when the running service refused the new files. */
import { expect, test } from "bun:test";
import { mkdirSync, statSync } from "node:fs";
import { freePort } from "../../../src/system/net/free-port.ts";
import { type ProgramName, Running, runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { TestFolder } from "../../support/folder.ts";

const STAYS = "Nothing has changed: what was in force stays in force.\n";

/** The folder that a service manager makes for a service. */
function runtime(control: ControlHost): { RUNTIME_DIRECTORY: string } {
  const path = control.folder.join("runtime");
  mkdirSync(path, { mode: 0o700 });
  return { RUNTIME_DIRECTORY: path };
}

const reload = (program: ProgramName, env: Readonly<Record<string, string>>) =>
  runProgram(program, ["reload"], { env });

test("an agent's reload brings the outcome, time and again, and what was refused changes nothing", async () => {
  await using control = await ControlHost.create();
  const env = runtime(control);
  // Left by one that was killed.
  control.folder.write("runtime/reload", "");
  const agent = await control.startAgent("web-01", { scripts: { greet: "echo hello" }, env });
  expect(await reload("ctrl-exec-agent", env)).toMatchObject({ status: 0, out: "", err: "" });
  expect(statSync(control.folder.join("runtime", "reload")).mode & 0o777).toBe(0o600);

  agent.writeConfig(["this is no setting"]);
  agent.writeAllowlist([]);
  for (const _ of ["once", "again"]) {
    const refused = await reload("ctrl-exec-agent", env);
    expect(refused.status).toBe(78);
    expect(refused.err).toContain(agent.config);
    expect(refused.err).toEndWith(STAYS);
    expect((await control.run("run", ["web-01", "greet"])).status).toBe(0);
  }
  agent.writeConfig([]);
  const asked = await Promise.all([1, 2, 3].map(() => reload("ctrl-exec-agent", env)));
  expect(asked.map(({ status }) => status)).toEqual([0, 0, 0]);
  expect((await control.run("run", ["web-01", "greet"])).out).toContain("script not permitted");
});

test("an agent's reload names what it passed over, and where the rest is", async () => {
  await using control = await ControlHost.create();
  const env = runtime(control);
  const agent = await control.startAgent("web-01", { scripts: { greet: "echo hello" }, env });
  agent.writeConfig(["colour = blue"]);
  const list = agent.path("scripts.conf");
  agent.writeAllowlist(["greet = relative/path", "new = /bin/true timeout=soon"]);
  expect(await reload("ctrl-exec-agent", env)).toMatchObject({
    status: 0,
    err: [
      `Note: ${agent.config}: colour: unknown key on line 4, ignored`,
      `Note: ${list}: greet = relative/path: line 1 skipped: expected an absolute path`,
      `Note: ${list}: new = /bin/true timeout=soon: line 2 skipped: timeout: expected seconds from 1 to 2147483\n`,
    ].join("\n"),
  });
  // More than a socket's buffer takes.
  agent.writeConfig([]);
  agent.writeAllowlist(Array.from({ length: 5000 }, (_, n) => `greet${n} = relative/path`));
  const { status, err } = await reload("ctrl-exec-agent", env);
  expect([status, err]).toEqual([
    0,
    expect.stringMatching(/\nNote: \d{4} more in the log, ACTION=config-warn\n$/),
  ]);
  expect(err.length).toBeLessThan(9_000);
});

test("the API's too", async () => {
  await using control = await ControlHost.create(["api_auth_default = allow"]);
  const env = runtime(control);
  control.addLines([`api_port = ${freePort()}`]);
  const api = new Running("ctrl-exec-api", ["--config", control.config, "--log", "stderr"], {
    env,
  });
  try {
    await api.seen(/ACTION=api-start/);
    expect(await reload("ctrl-exec-api", env)).toMatchObject({ status: 0, err: "" });
    await api.seen(/ACTION=api-reload/);
    control.addLines(["api_bind = 127.0.0.2"]);
    expect(await reload("ctrl-exec-api", env)).toMatchObject({
      status: 0,
      err: `Note: ${control.config}: api_bind: still 127.0.0.1 until a restart\n`,
    });
    control.addLines(["read_timeout = soon"]);
    const refused = await reload("ctrl-exec-api", env);
    expect([refused.status, refused.err]).toEqual([
      78,
      expect.stringMatching(
        /^ctrl-exec-api: .*read_timeout[\s\S]*what was in force stays in force\.\n$/,
      ),
    ]);
    // A signal does the same, without an answer.
    api.child.kill("SIGHUP");
    await api.seen(/ACTION=reload-fail[\s\S]*ACTION=reload-fail/);
  } finally {
    await api.stop();
  }
});

test.each(["ctrl-exec-agent", "ctrl-exec-api"] as const)(
  "%s that does not run is said to",
  async (program) => {
    using folder = new TestFolder();
    const { status, err } = await reload(program, { RUNTIME_DIRECTORY: folder.path });
    expect([status, err]).toEqual([
      1,
      `${program}: Cannot reload ${program}: no service listens on ${folder.join("reload")}\n` +
        "Start it; or, if it was started by hand, send it SIGHUP.\n",
    ]);
  },
);

test("a service without a folder for it, or with one that cannot be used, serves all the same", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", {
    scripts: { greet: "echo hello" },
    env: { RUNTIME_DIRECTORY: "/proc/none" },
  });
  await agent.serving.seen(/ACTION=config-warn KEY=RUNTIME_DIRECTORY MSG="Cannot listen on \/proc/);
  expect((await control.run("run", ["web-01", "greet"])).status).toBe(0);
});
