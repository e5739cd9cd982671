/** Configuration files: both spellings, and errors that name file, line, key and what was expected. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { programPath, runCommand, runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { TestFolder } from "../../support/folder.ts";
import { LogSocket } from "../../support/log-socket.ts";

const folder = new TestFolder();
const log = new LogSocket(folder.join("log"));

afterAll(() => {
  log[Symbol.dispose]();
  folder[Symbol.dispose]();
});

const controller = async (file: string, mode = "list-agents", args: string[] = []) =>
  await runProgram("ctrl-exec", [mode, ...args, "--config", file, "--log", log.path]);
const agent = async (file: string) =>
  await runProgram("ctrl-exec-agent", ["serve", "--config", file, "--log", log.path]);

describe("an error in a file ends with 78 and says where:", () => {
  const cases: [string, string, string, string][] = [
    ["a word for a number", "read_timeout = soon", "read_timeout", "a whole number from 1 to"],
    ["zero seconds", "read_timeout = 0", "read_timeout", "a whole number from 1 to"],
    ["a relative path", "auth_hook = hook.sh", "auth_hook", "an absolute path"],
    [
      "an unknown word",
      "verify_agent_identity = maybe",
      "verify_agent_identity",
      "registry, strict or ca",
    ],
    ["a name for an address", "pairing_bind = localhost", "pairing_bind", "an IP address"],
    ["a port too high", "pairing_port = 65536", "pairing_port", "a whole number from 0 to 65535"],
    ["an alias", "timeout = x", "timeout", "a whole number from 1 to"],
  ];
  test.each(cases)("%s", async (_, line, key, expected) => {
    const file = folder.write("bad.conf", `# a comment\n\n${line}\nstate_dir = ${folder.path}\n`);
    const { status, out, err } = await controller(file);
    expect(status).toBe(78);
    expect(out).toBe("");
    expect(err).toStartWith(`ctrl-exec: Cannot use ${file}: line 3: ${key} = `);
    expect(err).toContain(`expected ${expected}`);
  });

  test("several at once are all told", async () => {
    const file = folder.write("bad.conf", "read_timeout = x\nmax_parallel = y\n");
    const { err } = await controller(file);
    expect(err).toContain("line 1: read_timeout = x");
    expect(err).toContain("line 2: max_parallel = y");
  });

  test.each([
    ["a line that is not valid", "read_timeout\n", /line 1: expected "key = value"/],
    [
      "a key twice",
      "read_timeout = 1\n\nread_timeout = 2\n",
      /line 3: read_timeout is already set on line 1/,
    ],
  ])("%s", async (_, text, words) => {
    const file = folder.write("bad.conf", text);
    const { status, err } = await controller(file);
    expect(status).toBe(78);
    expect(err).toMatch(words);
    expect(err).toContain(file);
  });

  test("TOML, with the line as well", async () => {
    const broken = folder.write("bad.toml", 'state_dir = "/tmp"\nread_timeout = = 1\n');
    const syntax = await controller(broken);
    expect(syntax.status).toBe(78);
    expect(syntax.err).toContain(`Cannot read ${broken}: line 2: `);
    const wrong = folder.write("wrong.toml", 'state_dir = "/tmp"\nread_timeout = "soon"\n');
    const value = await controller(wrong);
    expect(value.status).toBe(78);
    expect(value.err).toContain(`Cannot use ${wrong}: line 2: read_timeout = soon: expected`);
  });

  test("the agent's file", async () => {
    const file = folder.write("agent/agent.conf", "port = 7443\nrate_limit_volume = many\n");
    const { status, err } = await agent(file);
    expect(status).toBe(78);
    expect(err).toContain(
      `Cannot use ${file}: line 2: rate_limit_volume = many: expected limit/window/block`,
    );
  });

  test("a file that was named and is not there", async () => {
    const { status, err } = await controller(folder.join("nowhere.conf"));
    expect(status).toBe(78);
    expect(err).toContain(`Cannot read ${folder.join("nowhere.conf")}: no such file or folder`);
  });

  // Where sudo lets somebody run this, the file named is theirs to choose and the rights are root's.
  test("what the caller can write, or never ends, is not a configuration", async () => {
    const trace = folder.join("hook-ran");
    const hook = folder.script("planted/hook", `touch ${trace}`);
    const lines = `=\nauth_hook = ${hook}\n`;
    const run = async (file: string) =>
      await runProgram("ctrl-exec", ["run", "web-01", "x", "--config", file, "--", lines]);
    const open = folder.write("planted/ctrl-exec.conf", lines.slice(2), 0o666);
    expect((await run(open)).err).toContain(
      `Cannot use ${open}: it can be written by its group and others (mode 0666)`,
    );
    const fifo = folder.join("planted", "fifo");
    await runCommand(["mkfifo", fifo]);
    for (const file of ["/proc/self/cmdline", "/dev/zero", fifo]) {
      const { status, err } = await run(file);
      expect(err).toContain(`Cannot use ${file}: `);
      expect(status).toBe(78);
    }
    expect(existsSync(trace)).toBe(false);
  });

  test("a control host that is not set up says what to do", async () => {
    const file = folder.write(
      "fresh/ctrl-exec.conf",
      `state_dir = ${folder.join("fresh", "state")}\n`,
    );
    const pinged = await controller(file, "ping", ["web-01"]);
    expect(pinged.status).toBe(78);
    expect(pinged.err).toContain(
      `Set this control host up first: ctrl-exec setup-ca --config ${file}`,
    );
    const early = await controller(file, "setup-ctrl-exec");
    expect(early.status).toBe(78);
    const port = folder.write(
      "fresh/port.conf",
      `state_dir = ${folder.join("fresh", "state")}\npairing_port = 17444\n`,
    );
    await controller(port, "setup-ca");
    const { err } = await controller(port, "setup-ctrl-exec");
    expect(err).toContain(
      `Next: ctrl-exec pairing-mode --config ${port}, and on each host: ctrl-exec-agent request-pairing --dispatcher <this host> --port 17444\n`,
    );
    expect(early.err).toContain(`Make one first: ctrl-exec setup-ca --config ${file}`);
  });

  test("an agent that is not paired says what to do", async () => {
    const file = folder.write("lone/agent.conf", "port = 0\n");
    folder.write("lone/scripts.conf", "");
    const { status, err } = await agent(file);
    expect(status).toBe(78);
    expect(err).toContain("this agent is not paired");
    expect(err).toContain(
      `ctrl-exec-agent request-pairing --dispatcher <control-host> --config ${file}\n`,
    );
  });
});

test("an unknown key is reported on stderr and in the log, and is not an error", async () => {
  const file = folder.write(
    "odd.conf",
    `state_dir = ${folder.path}\nfrobnicate = 5\n[extra]\na = b\n`,
  );
  const { status, err } = await controller(file);
  expect(status).toBe(0);
  expect(err.split("\n")).toEqual([
    `Note: ${file}: frobnicate: unknown key on line 2, ignored`,
    `Note: ${file}: [extra]: unknown section on line 3, ignored`,
    `No host is registered. To pair one: ctrl-exec pairing-mode --config ${file}`,
    "",
  ]);
  const key = await log.seen("config-warn", ({ KEY }) => KEY === "frobnicate");
  expect(key.fields.MSG).toBe("unknown key on line 2, ignored");
  expect(key.priority).toBe(28);
  const section = await log.seen("config-warn", ({ KEY }) => KEY === "[extra]");
  expect(section.fields.MSG).toContain("unknown section");
});

test("with --json only stdout is data, and a log on stderr says it once", async () => {
  const file = folder.write("odd.conf", `state_dir = ${folder.path}\nfrobnicate = 5\n`);
  const { out, err } = await controller(file, "list-agents", ["--json"]);
  expect(out).toBe("[]\n");
  expect(err).toStartWith(`Note: ${file}: frobnicate: unknown key`);
  const args = ["list-agents", "--config", file, "--log", "stderr"];
  const logged = await runProgram("ctrl-exec", args);
  expect(logged.err.match(/unknown key/g)).toHaveLength(1);
});

test("every mode of the agent that reads agent.conf reports an unknown key", async () => {
  const file = folder.write("odd/agent.conf", "port = 0\nfrobnicate = 5\n");
  folder.write("odd/scripts.conf", "");
  for (const mode of ["pairing-status", "self-ping", "self-check", "serve"]) {
    const { err } = await runProgram("ctrl-exec-agent", [mode, "--config", file]);
    expect(`${mode}: ${err}`).toContain(`Note: ${file}: frobnicate: unknown key on line 2`);
  }
});

describe("T28 a mistyped key is an error that names the right one, and nothing runs:", () => {
  test("in ctrl-exec.conf", async () => {
    const file = folder.write("slip.conf", `state_dir = ${folder.path}\nauth_hok = /bin/false\n`);
    const { status, out, err } = await controller(file, "run", ["web-01", "hello"]);
    expect({ status, out }).toEqual({ status: 78, out: "" });
    expect(err).toBe(
      `ctrl-exec: Cannot use ${file}: line 2: unknown key auth_hok; did you mean auth_hook?\n`,
    );
  });

  test("in agent.conf", async () => {
    const file = folder.write("slip/agent.conf", "alowed_ips = 10.0.0.1\n");
    folder.write("slip/scripts.conf", "");
    const { status, err } = await agent(file);
    expect(status).toBe(78);
    expect(err).toContain("line 1: unknown key alowed_ips; did you mean allowed_ips?");
  });
});

describe("a fleet whose files are all TOML", () => {
  let control: ControlHost;

  beforeAll(async () => {
    control = await ControlHost.create();
  });

  afterAll(async () => {
    await control[Symbol.asyncDispose]();
  });

  test("works, and shares keys and registry with the .conf form", async () => {
    const web = await control.startAgent("web-01", {
      scripts: { greet: "echo hi", slow: "sleep 5" },
    });
    await web.stop();
    const toml = control.folder.write(
      "web-01/agent.toml",
      [
        `port = ${web.port}`,
        'bind = "127.0.0.1"',
        "rate_limit_disable = true",
        `script_dirs = ["${web.path("scripts")}"]`,
        "[tags]",
        'env = "test"',
        "",
      ].join("\n"),
    );
    const serving = Bun.spawn(
      [programPath("ctrl-exec-agent"), "serve", "--config", toml, "--log", control.log.path],
      { stdout: "ignore", stderr: "ignore" },
    );
    await control.log.seen("start");
    const state = control.folder.join("control", "state");
    const own = control.folder.write(
      "control/ctrl-exec.toml",
      `state_dir = "${state}"\nread_timeout = 1\nverify_agent_identity = "strict"\n`,
    );
    const run = await runProgram("ctrl-exec", [
      "run",
      "web-01",
      "greet",
      "--config",
      own,
      "--log",
      control.log.path,
    ]);
    expect(run.out).toContain("\nhi\n");
    const slow = await runProgram("ctrl-exec", [
      "run",
      "web-01",
      "slow",
      "--config",
      own,
      "--log",
      control.log.path,
    ]);
    expect(slow.out).toContain("ERROR: read timeout after 1s");
    serving.kill();
    await serving.exited;
  });
});

test("everything of an agent lies beside its agent.conf, unless a key says otherwise", async () => {
  await using control = await ControlHost.create();
  const elsewhere = control.folder.join("keys");
  const agent = await control.startAgent("web-01", {
    config: [`key = ${elsewhere}/own.key`, `cert = ${elsewhere}/own.crt`],
  });
  expect(existsSync(`${elsewhere}/own.key`)).toBe(true);
  expect(existsSync(agent.path("agent.key"))).toBe(false);
  expect(existsSync(agent.path("ca.crt"))).toBe(true);
  expect((await control.run("ping", ["web-01"])).status).toBe(0);
});

test("two control hosts on one machine do not know each other", async () => {
  await using one = await ControlHost.create();
  await using two = await ControlHost.create();
  // Both listen for pairing at once, each with its own lock, queue and registry.
  await Promise.all([one.startAgent("web-01"), two.startAgent("web-01")]);
  expect(one.caFingerprint).not.toBe(two.caFingerprint);
  expect((await one.run("ping", ["web-01"])).status).toBe(0);
  expect((await two.run("ping", ["web-01"])).status).toBe(0);
  const port = two.agents[0]?.port ?? 0;
  const crossed = await one.run("ping", [`127.0.0.1:${port}`]);
  expect(crossed.status).toBe(1);
  expect(crossed.err).toContain("a certificate that is not of this CA");
});

describe("T09 a file that cannot be used is named, exit 78:", () => {
  let control: ControlHost;

  beforeAll(async () => {
    control = await ControlHost.create();
    const web = await control.addAgent("web-01");
    await web.pair();
  });

  afterAll(async () => {
    await control[Symbol.asyncDispose]();
  });

  const PATHS: [string, () => Promise<{ status: number; err: string }>][] = [
    ["control/ctrl-exec.key", () => control.run("ping", ["web-01"])],
    ["control/ctrl-exec.crt", () => control.run("ping", ["web-01"])],
    ["control/ca.crt", () => control.run("ping", ["web-01"])],
    ["web-01/agent.key", () => control.agents[0]?.run("serve") ?? Promise.reject()],
    ["web-01/agent.crt", () => control.agents[0]?.run("serve") ?? Promise.reject()],
    ["web-01/ca.crt", () => control.agents[0]?.run("serve") ?? Promise.reject()],
  ];

  test.each(PATHS)("%s, cut", async (name, use) => {
    const path = control.folder.join(name);
    const whole = readFileSync(path, "utf8");
    const mode = name.endsWith(".key") ? 0o600 : 0o644;
    control.folder.write(name, whole.slice(0, whole.length / 2), mode);
    const { status, err } = await use();
    control.folder.write(name, whole, mode);
    expect(status).toBe(78);
    expect(err).toContain(path);
  });

  test.each(PATHS.filter(([name]) => name.endsWith(".key")))(
    "%s, open to everyone",
    async (name, use) => {
      const path = control.folder.join(name);
      const whole = readFileSync(path, "utf8");
      control.folder.write(name, whole, 0o644);
      const { status, err } = await use();
      control.folder.write(name, whole, 0o600);
      expect(status).toBe(78);
      expect(err).toContain(`Cannot use ${path}: every user of this host may open it (mode 0644)`);
      expect(err).toContain(`chmod o= ${path}`);
    },
  );

  test("a key that does not match its certificate", async () => {
    const own = control.folder.join("control", "ctrl-exec.key");
    const whole = readFileSync(own, "utf8");
    control.folder.write(
      "control/ctrl-exec.key",
      readFileSync(control.folder.join("web-01", "agent.key")),
      0o600,
    );
    const { status, err } = await control.run("ping", ["web-01"]);
    control.folder.write("control/ctrl-exec.key", whole, 0o600);
    expect(status).toBe(78);
    expect(err).toContain(`Cannot use ${own}: it is not the key of`);
  });
});
