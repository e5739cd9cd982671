import { expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { ControlHost } from "../../support/fleet.ts";
import { ask, controllerIdentity, get, jsonOf, post, statusOf } from "../../support/raw-agent.ts";

/** What the hook does, the reason given, and whether the log calls it a failure of the hook. */
const HOOKS: readonly (readonly [kind: string, body: string, reason: string, broken: boolean])[] = [
  ["exit 1", "exit 1", "denied", false],
  ["exit 2", "exit 2", "bad credentials", false],
  ["exit 3", "exit 3", "insufficient privilege", false],
  ["exit 255", "exit 255", "hook exited 255", false],
  ["killed", "kill -KILL $$", "hook killed by SIGKILL", true],
  ["hanging", "sleep 60", "hook timed out after 2s", true],
  [
    "hanging and deaf to TERM",
    "trap '' TERM; while :; do sleep 0.05; done",
    "hook timed out after 2s",
    true,
  ],
  ["a syntax error", "if", "hook exited 2", false],
];

test("T24 a hook that does anything but exit 0 refuses, and the script does not run", async () => {
  await using control = await ControlHost.create();
  const marker = control.folder.join("ran");
  const hook = control.folder.join("hook");
  const agent = await control.startAgent("web-01", {
    scripts: { mark: `touch ${marker}` },
    config: [`auth_hook = ${hook}`, "auth_hook_timeout = 2"],
  });
  const good = controllerIdentity(control);
  const run = async (args: readonly string[] = []) =>
    jsonOf(await ask(agent.port, good, post("/run", { script: "mark", args, reqid: "aa" })));

  // Missing, then not executable.
  expect((await run()).error).toBe("not authorised: hook-not-executable");
  control.folder.write("hook", "#!/bin/sh\nexit 0\n", 0o644);
  expect((await run()).error).toBe("not authorised: hook-not-executable");
  await agent.serving.seen(
    /ACTION=auth AUTHACTION=run HOOK=.* MSG=".*; chmod \+x .*" REASON=hook-not-executable RESULT=error/,
  );

  for (const [kind, body, reason, broken] of HOOKS) {
    const expected =
      kind === "a syntax error" ? "not authorised: bad credentials" : `not authorised: ${reason}`;
    control.folder.script("hook", body);
    expect([kind, (await run()).error]).toEqual([kind, expected]);
    const result = broken ? "error" : "deny";
    await agent.serving.seen(new RegExp(`REASON="?${expected.slice(16)}"? RESULT=${result}`));
    expect([kind, existsSync(marker)]).toEqual([kind, false]);
  }

  // Megabytes of output are nobody's business.
  control.folder.script("hook", "head -c 4000000 /dev/zero; head -c 4000000 /dev/zero >&2; exit 1");
  expect((await run()).error).toBe("not authorised: denied");
  // More arguments than an environment holds: the hook cannot be asked, so the answer is no.
  const long = await run(["x".repeat(100_000), "y".repeat(100_000)]);
  expect(long.error).toBe("not authorised: request too long for the auth hook");
  expect(existsSync(marker)).toBe(false);

  control.folder.script("hook", "exit 0");
  expect(await run()).toMatchObject({ exit: 0 });
  expect(existsSync(marker)).toBe(true);
});

test("T13 what is put in a missing script's place while the hook decides does not run", async () => {
  await using control = await ControlHost.create();
  const marker = control.folder.join("ran");
  const script = control.folder.join("late.sh");
  // As somebody might who watches the hook: others can write the file.
  const place = `printf '#!/bin/sh\\ntouch ${marker}\\n' >${script}; chmod 777 ${script}`;
  const agent = await control.startAgent("web-01", {
    allowlist: [`late = ${script}`],
    config: [`auth_hook = ${control.folder.script("hook", place)}`],
  });
  const request = post("/run", { script: "late", args: [] });
  const answer = jsonOf(await ask(agent.port, controllerIdentity(control), request));
  expect(existsSync(script)).toBe(true);
  expect(answer).toMatchObject({ exit: 126, error: expect.stringContaining("cannot execute") });
  expect(existsSync(marker)).toBe(false);
});

test("the hook is told everything on stdin and in its environment, and nothing else", async () => {
  await using control = await ControlHost.create();
  const seen = control.folder.join("seen");
  const hook = control.folder.script("hook", `cat >${seen}.json; env >${seen}.env`);
  const agent = await control.startAgent("web-01", {
    scripts: { greet: "echo hello" },
    config: [`auth_hook = ${hook}`],
    env: { BASH_ENV: "/tmp/x", LD_PRELOAD: "", NODE_OPTIONS: "--x" },
  });
  const good = controllerIdentity(control);
  const asked = { script: "greet", args: ["a b", "c"], username: "alice", token: "t0ken" };
  expect(jsonOf(await ask(agent.port, good, post("/run", asked)))).toMatchObject({ exit: 0 });
  const told = JSON.parse(readFileSync(`${seen}.json`, "utf8"));
  expect(told).toEqual({
    action: "run",
    ...asked,
    source_ip: "127.0.0.1",
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  });
  const lines = readFileSync(`${seen}.env`, "utf8")
    .split("\n")
    .filter((line) => /^ENVEXEC/.test(line));
  expect(lines.sort()).toEqual([
    "ENVEXEC_ACTION=run",
    "ENVEXEC_ARGS=a b c",
    'ENVEXEC_ARGS_JSON=["a b","c"]',
    "ENVEXEC_SCRIPT=greet",
    "ENVEXEC_SOURCE_IP=127.0.0.1",
    `ENVEXEC_TIMESTAMP=${told.timestamp}`,
    "ENVEXEC_TOKEN=t0ken",
    "ENVEXEC_USERNAME=alice",
  ]);
  expect(readFileSync(`${seen}.env`, "utf8")).not.toMatch(/BASH_ENV|NODE_OPTIONS|LD_PRELOAD/);
});

test("T25 /capabilities passes the hook as discovery, a ping does not ask it", async () => {
  await using control = await ControlHost.create();
  const seen = control.folder.join("seen");
  const hook = control.folder.script("hook", `echo $ENVEXEC_ACTION >>${seen}; exit 0`);
  const agent = await control.startAgent("web-01", {
    scripts: { greet: "echo hello" },
    config: [`auth_hook = ${hook}`, "[tags]", "env = test"],
  });
  const good = controllerIdentity(control);
  const path = agent.path("scripts/greet.sh");
  const found = await ask(agent.port, good, get("/capabilities"));
  expect(jsonOf(found)).toEqual({
    status: "ok",
    host: expect.any(String),
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    scripts: [{ name: "greet", path, executable: true }],
    tags: { env: "test" },
  });
  writeFileSync(path, "echo hello\n");
  expect(jsonOf(await ask(agent.port, good, get("/capabilities"))).scripts).toEqual([
    { name: "greet", path, executable: false },
  ]);
  chmodSync(path, 0o644);
  expect(jsonOf(await ask(agent.port, good, get("/capabilities"))).scripts).toEqual([
    { name: "greet", path, executable: false },
  ]);
  expect(statusOf(await ask(agent.port, good, post("/ping", {})))).toBe(200);
  expect(readFileSync(seen, "utf8")).toBe("discovery\n".repeat(3));
  control.folder.script("hook", "exit 1");
  const denied = await ask(agent.port, good, get("/capabilities"));
  expect([statusOf(denied), jsonOf(denied)]).toEqual([403, { error: "not authorised" }]);
  await agent.serving.seen(/ACTION=capabilities-deny PEER=127\.0\.0\.1 REASON=denied/);
});
