/** T24: auth hooks on both sides. What a hook does not allow does not run. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { runProgram } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { isAlive } from "../../support/processes.ts";

let control: ControlHost;
/** Without a hook of its own. */
let agent: TestAgent;
let patient: TestAgent;
let impatient: TestAgent;
let hook: string;
let ran: string;

beforeAll(async () => {
  control = await ControlHost.create();
  hook = control.folder.join("hooks", "hook");
  ran = control.folder.join("ran");
  // Each face of a hook comes twice: one that waits long, one that gives up after a second.
  const plain = readFileSync(control.config, "utf8");
  for (const [file, timeout] of [
    ["hooked", 60],
    ["impatient", 1],
  ] as const) {
    const settings = `auth_hook = ${hook}\nauth_hook_timeout = ${timeout}\n`;
    control.folder.write(`control/${file}.conf`, plain + settings);
  }
  const scripts = { mark: `touch ${ran}` };
  const agentSettings = (timeout: number) => ({
    config: [`auth_hook = ${hook}`, `auth_hook_timeout = ${timeout}`],
    scripts,
  });
  agent = await control.startAgent("web-01", { scripts });
  patient = await control.startAgent("db-01", agentSettings(60));
  impatient = await control.startAgent("db-02", agentSettings(1));
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

afterEach(() => {
  rmSync(ran, { force: true });
  rmSync(hook, { force: true });
});

/** Runs a mode with the control host's hook in force. */
async function hooked(mode: string, args: readonly string[], env = {}, file = "hooked") {
  const all = [mode, ...args];
  const end = all.indexOf("--");
  const own = end < 0 ? all : all.slice(0, end);
  const behind = end < 0 ? [] : all.slice(end);
  return await runProgram(
    "ctrl-exec",
    [
      ...own,
      "--config",
      control.folder.join("control", `${file}.conf`),
      "--log",
      control.log.path,
      ...behind,
    ],
    { env },
  );
}

interface Refusal {
  readonly name: string;
  /** The hook; undefined leaves none there. */
  readonly body: string | undefined;
  readonly mode?: number;
  /** It is asked by a side that waits one second. */
  readonly hangs?: true;
  readonly reason: string;
  /** Part of what the log says to do about the hook. */
  readonly remedy?: string;
  readonly code: 1 | 2 | 3;
  /** What the log has: a hook that says no, or one that could not decide. */
  readonly result: "deny" | "error";
}

const REFUSALS: readonly Refusal[] = [
  { name: "exit 1", body: "exit 1", reason: "denied", code: 1, result: "deny" },
  { name: "exit 2", body: "exit 2", reason: "bad credentials", code: 2, result: "deny" },
  { name: "exit 3", body: "exit 3", reason: "insufficient privilege", code: 3, result: "deny" },
  { name: "exit 7", body: "exit 7", reason: "hook exited 7", code: 1, result: "deny" },
  { name: "exit 255", body: "exit 255", reason: "hook exited 255", code: 1, result: "deny" },
  {
    name: "missing",
    body: undefined,
    reason: "hook-not-executable",
    remedy: "; put it there, or correct the line that names it",
    code: 1,
    result: "error",
  },
  {
    name: "not executable",
    body: "#!/bin/sh\nexit 0\n",
    mode: 0o644,
    reason: "hook-not-executable",
    remedy: "is not executable; chmod +x /",
    code: 1,
    result: "error",
  },
  {
    name: "no interpreter",
    body: "#!/no/such/shell\n",
    reason: "hook-not-executable",
    code: 1,
    result: "error",
  },
  {
    name: "hanging",
    body: "sleep 60",
    hangs: true,
    reason: "hook timed out after 1s",
    code: 1,
    result: "error",
  },
  {
    name: "hanging behind a closed output",
    body: "exec >&- 2>&-; sleep 60",
    hangs: true,
    reason: "hook timed out after 1s",
    code: 1,
    result: "error",
  },
  {
    name: "killed by a signal",
    body: "kill -KILL $$",
    reason: "hook killed by SIGKILL",
    code: 1,
    result: "error",
  },
  {
    name: "writing megabytes, then no",
    body: "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; exit 2",
    reason: "bad credentials",
    code: 2,
    result: "deny",
  },
];

function writeHook({ body, mode }: Pick<Refusal, "body" | "mode">): void {
  if (body === undefined) return;
  control.folder.write(
    "hooks/hook",
    body.startsWith("#!") ? body : `#!/bin/sh\n${body}\n`,
    mode ?? 0o755,
  );
}

describe("T24 on the control host, a hook refuses before anything is dialled:", () => {
  test.each([...REFUSALS])("$name", async (refusal) => {
    writeHook(refusal);
    const args = ["web-01", "mark"];
    const file = refusal.hangs ? "impatient" : "hooked";
    const [text, json, pinged] = await Promise.all([
      hooked("run", args, {}, file),
      hooked("run", [...args, "--json"], {}, file),
      hooked("ping", ["web-01"], {}, file),
    ]);
    expect(text.status).toBe(1);
    expect(text.out).toBe("");
    expect(text.err.split("\n")[0]).toBe(`Denied: ${refusal.reason}`);
    expect(json.status).toBe(1);
    const hint = text.err.slice(text.err.indexOf("\n") + 1, -1);
    expect(JSON.parse(json.out)).toEqual({
      ok: 0,
      error: refusal.reason,
      code: refusal.code,
      hint,
    });
    expect(pinged.status).toBe(1);
    expect(pinged.err).toStartWith(`Denied: ${refusal.reason}\n`);
    expect(existsSync(ran)).toBe(false);
    expect(agent.serving.err).not.toContain("SCRIPT=mark");
    const line = await control.log.seen(
      "auth",
      ({ REASON, AUTHACTION, MSG = "" }) =>
        REASON === refusal.reason &&
        AUTHACTION === "run" &&
        (refusal.remedy === undefined ? MSG === "" : MSG.includes(refusal.remedy)),
    );
    expect(line.fields).toEqual({
      AUTHACTION: "run",
      HOOK: hook,
      IP: "127.0.0.1",
      ...(refusal.remedy === undefined ? {} : { MSG: expect.stringContaining(refusal.remedy) }),
      REASON: refusal.reason,
      RESULT: refusal.result,
      USER: "tester",
    });
    expect(line.priority).toBe(refusal.result === "deny" ? 28 : 27);
  });
});

describe("T24 on the agent, a hook refuses before anything runs:", () => {
  test.each([...REFUSALS])("$name", async (refusal) => {
    writeHook(refusal);
    const asked = refusal.hangs ? impatient : patient;
    const { status, out } = await control.run("run", [asked.name, "mark", "--json"]);
    expect(status).toBe(1);
    expect(JSON.parse(out).results).toMatchObject([
      { host: asked.name, exit: -1, error: `not authorised: ${refusal.reason}` },
    ]);
    expect(existsSync(ran)).toBe(false);
    const { serving } = asked;
    const value = refusal.reason.includes(" ") ? `"${refusal.reason}"` : refusal.reason;
    const told =
      refusal.remedy === undefined ? "" : `MSG="[^"]*${RegExp.escape(refusal.remedy)}[^"]*" `;
    const pattern = `ACTION=auth AUTHACTION=run HOOK=\\S+ IP=127\\.0\\.0\\.1 ${told}REASON=${value} RESULT=${refusal.result} USER=tester`;
    await serving.seen(new RegExp(pattern));
    await serving.seen(new RegExp(`ACTION=deny PEER=127\\.0\\.0\\.1 REASON=${value} REQID=`));
  });
});

const ASKED_FOR =
  "The auth hook was asked for user tester, without a token; --token-file gives one, --username another name.\n";

test("T67 a name that no allowlist can hold says nothing of a host before the hook has agreed", async () => {
  const name = "a;b\nc";
  writeHook({ body: "exit 3" });
  for (const host of ["web-01", "db-01:1", "nowhere.invalid"]) {
    const refused = await hooked("run", [host, name]);
    expect([refused.status, refused.out, refused.err]).toEqual([
      1,
      "",
      `Denied: insufficient privilege\n${ASKED_FOR}`,
    ]);
  }
  expect(agent.serving.err).not.toContain("a;b");
  writeHook({ body: RECORD(control.folder.join("hooks")) });
  expect((await hooked("run", ["web-01", name])).out).toContain("ERROR: script not permitted");
  expect(recorded()).toMatchObject({
    input: { action: "run", script: name },
    environment: { ENVEXEC_SCRIPT: name },
  });
});

test("T67 of a forgotten -- nothing is said before the hook has agreed", async () => {
  const words = ["web-01", "mark", "extra"];
  writeHook({ body: "exit 1" });
  const refused = await hooked("run", words);
  expect([refused.status, refused.out, refused.err]).toEqual([
    1,
    "",
    `Denied: denied\n${ASKED_FOR}`,
  ]);
  writeHook({ body: "exit 0" });
  const allowed = await hooked("run", words);
  expect(allowed.status).toBe(1);
  expect(allowed.err).toBe(
    "mark was read as a host. If it is the script, its arguments go after --: ctrl-exec run web-01 mark -- extra\n",
  );
  expect(existsSync(ran)).toBe(false);
});

test("T24 a hook that others can write decides nothing, on either side", async () => {
  writeHook({ body: `touch ${control.folder.join("hooks", "touched")}; exit 0`, mode: 0o775 });
  const problem = `${hook} can be written by its group (mode 0775)`;
  const refused = await hooked("run", ["web-01", "mark"]);
  expect(refused.status).toBe(1);
  expect(refused.err).toStartWith(`Denied: hook-not-trusted\n`);
  expect(refused.err).toContain(`${problem}: chmod go-w ${hook}`);
  const line = await control.log.seen("auth", ({ REASON }) => REASON === "hook-not-trusted");
  expect(line.fields).toMatchObject({ RESULT: "error", MSG: `${problem}; chmod go-w ${hook}` });

  // What another host is told does not say how this one's files lie.
  const { out } = await control.run("run", ["db-01", "mark", "--json"]);
  expect(JSON.parse(out).results).toMatchObject([
    { exit: -1, error: "not authorised: hook-not-trusted" },
  ]);
  expect(out).not.toContain("0775");
  const logged = `MSG="${problem}; chmod go-w ${hook}" REASON=hook-not-trusted RESULT=error`;
  await patient.serving.seen(new RegExp(logged.replace(/[()]/g, "\\$&")));
  const checked = await patient.run("self-check");
  expect(checked.status).toBe(1);
  expect(checked.out).toContain(`FAIL  auth_hook: ${problem}; chmod go-w ${hook}\n`);
  expect([existsSync(ran), control.folder.has("hooks", "touched")]).toEqual([false, false]);

  chmodSync(hook, 0o755);
  expect((await hooked("run", ["web-01", "mark"])).status).toBe(0);
  expect((await control.run("run", ["db-01", "mark"])).status).toBe(0);
});

test("T24 on the agent a hook may lie beside agent.conf, in a folder that only root writes", async () => {
  const own = control.folder.join("db-03", "auth-hook");
  await control.startAgent("db-03", {
    config: [`auth_hook = ${own}`],
    allowlist: [`mark = ${control.folder.script("mark.sh", `touch ${ran}`)}`],
  });
  control.folder.script("db-03/auth-hook", "exit 0");
  const run = async () => (await control.run("run", ["db-03", "mark"])).out;
  chmodSync(control.folder.join("db-03"), 0o2755);
  expect(await run()).toContain("[OK");
  // Whose group could write there, the service's, could lay another one in its place.
  chmodSync(control.folder.join("db-03"), 0o2775);
  expect(await run()).toContain("hook-not-trusted");
});

const RECORD = (folder: string) =>
  `cat >${folder}/input; cat /proc/$$/environ >${folder}/environment; exit 0`;

function recorded(): { input: Record<string, unknown>; environment: Record<string, string> } {
  const read = (name: string) => readFileSync(control.folder.join("hooks", name), "utf8");
  const pairs = read("environment")
    .split("\0")
    .filter((pair) => pair !== "");
  return {
    input: JSON.parse(read("input")),
    environment: Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
    ),
  };
}

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

describe("a hook that allows is told everything, as JSON and as environment:", () => {
  test("on the control host, for run", async () => {
    writeHook({ body: RECORD(control.folder.join("hooks")) });
    const { status } = await hooked(
      "run",
      ["web-01", "db-01:1", "mark", "--username", "alice", "--", "a b", "", 'c"d'],
      { ENVEXEC_TOKEN: "s3cret", ENVEXEC_VIA: "api", LD_PRELOAD: "", BASH_ENV: "/nowhere" },
    );
    expect(status).toBe(1);
    expect(existsSync(ran)).toBe(true);
    const { input, environment } = recorded();
    expect(input).toEqual({
      action: "run",
      script: "mark",
      hosts: ["web-01", "db-01"],
      args: ["a b", "", 'c"d'],
      username: "alice",
      token: "s3cret",
      source_ip: "127.0.0.1",
      timestamp: ISO,
      via: "cli",
    });
    expect(environment).toMatchObject({
      ENVEXEC_ACTION: "run",
      ENVEXEC_SCRIPT: "mark",
      ENVEXEC_HOSTS: "web-01,db-01",
      ENVEXEC_ARGS: 'a b  c"d',
      ENVEXEC_ARGS_JSON: '["a b","","c\\"d"]',
      ENVEXEC_USERNAME: "alice",
      ENVEXEC_TOKEN: "s3cret",
      ENVEXEC_SOURCE_IP: "127.0.0.1",
      ENVEXEC_VIA: "cli",
      ENVEXEC_TIMESTAMP: input.timestamp,
    });
    expect(
      Object.keys(environment)
        .filter((name) => !name.startsWith("ENVEXEC_"))
        .sort(),
    ).toEqual(["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER"]);
  });

  test("on the control host, for ping", async () => {
    writeHook({ body: RECORD(control.folder.join("hooks")) });
    expect((await hooked("ping", ["web-01"])).status).toBe(0);
    const { input } = recorded();
    expect(input).toMatchObject({ action: "ping", script: "", hosts: ["web-01"], args: [] });
    // However it is typed, it is the same host that a hook may refuse.
    for (const named of ["WEB-01", `127.0.0.1:${agent.port}`]) {
      expect((await hooked("ping", [named])).status).toBe(0);
      expect(recorded().input).toMatchObject({ hosts: ["web-01"] });
    }
    expect(recorded().environment).toMatchObject({ ENVEXEC_HOSTS: "web-01" });
  });

  test("on the agent, which does not know the other hosts", async () => {
    writeHook({ body: RECORD(control.folder.join("hooks")) });
    const args = ["db-01", "mark", "--username=bob", "--token=t0ken", "--", "x"];
    expect((await control.run("run", args)).status).toBe(0);
    expect(existsSync(ran)).toBe(true);
    const { input, environment } = recorded();
    expect(input).toEqual({
      action: "run",
      script: "mark",
      args: ["x"],
      username: "bob",
      token: "t0ken",
      source_ip: "127.0.0.1",
      timestamp: ISO,
    });
    expect(environment.ENVEXEC_TOKEN).toBe("t0ken");
    expect(environment.ENVEXEC_HOSTS).toBeUndefined();
  });

  test("the agent's hook is not asked about a ping", async () => {
    writeHook({ body: "exit 1" });
    expect((await control.run("ping", ["db-01"])).status).toBe(0);
  });

  test("the agent's hook is not asked about a script that is not listed", async () => {
    writeHook({ body: `touch ${control.folder.join("hooks", "asked")}; exit 0` });
    const { out } = await control.run("run", ["db-01", "unlisted"]);
    expect(out).toContain("script not permitted");
    expect(existsSync(control.folder.join("hooks", "asked"))).toBe(false);
  });
});

test("a hook that does not read its input decides all the same", async () => {
  writeHook({ body: "exec <&-; exit 0" });
  const long = "x".repeat(100_000);
  const { status } = await hooked("run", ["web-01", "mark", "--", long]);
  expect(status).toBe(0);
});

test("arguments that no hook's environment can hold are refused, with the reason", async () => {
  writeHook({ body: "exit 0" });
  const long = ["x".repeat(100_000), "y".repeat(100_000)];
  const { status, err } = await hooked("run", ["web-01", "mark", "--", ...long]);
  expect(status).toBe(1);
  expect(err).toBe(
    [
      "Denied: request too long for the auth hook",
      "ENVEXEC_ARGS and ENVEXEC_ARGS_JSON would be longer than the 128 KiB that a variable may have: set auth_hook_json = yes if the hook reads the JSON on standard input",
      `The auth hook ${hook} gave no decision, so the request is refused.`,
      "",
    ].join("\n"),
  );
  expect(existsSync(ran)).toBe(false);
});

test("T67 with auth_hook_json they reach the hook on its standard input, on either side", async () => {
  const settings = `auth_hook = ${hook}\nauth_hook_json = yes\n`;
  const plain = readFileSync(control.config, "utf8");
  control.folder.write("control/json.conf", plain + settings);
  const scripts = { mark: `touch ${ran}` };
  const config = [`auth_hook = ${hook}`, "auth_hook_json = yes"];
  const reading = await control.startAgent("db-04", { scripts, config });
  const counts = control.folder.join("hooks", "counts");
  writeHook({ body: `echo "$(wc -c) \${ENVEXEC_ARGS_JSON-left out}" >>${counts}` });
  const long = ["x".repeat(100_000), "y".repeat(100_000)];
  const { status } = await hooked("run", [reading.name, "mark", "--", ...long], {}, "json");
  expect(status).toBe(0);
  expect(existsSync(ran)).toBe(true);
  const lines = readFileSync(counts, "utf8").split("\n").slice(0, -1);
  expect(lines).toEqual([
    expect.stringMatching(/^200\d{3} left out$/),
    expect.stringMatching(/^200\d{3} left out$/),
  ]);
});

test("what a hanging hook has started is ended with it", async () => {
  const mark = control.folder.join("hooks", "grandchild");
  writeHook({ body: `(sleep 30; touch ${mark}) & echo $! >${mark}.pid; wait` });
  expect((await hooked("run", ["web-01", "mark"], {}, "impatient")).status).toBe(1);
  const pid = Number(readFileSync(`${mark}.pid`, "utf8"));
  expect(isAlive(pid)).toBe(false);
});
