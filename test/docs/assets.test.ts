/** What the binary carries, judged by the tools that will read it. */
import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ASSETS } from "../../src/cli/controller/assets.ts";
import { type HookAction, hookInput } from "../../src/core/hook.ts";
import { ROOT } from "../support/documents.ts";
import { TestFolder } from "../support/folder.ts";

const FOLDER = join(ROOT, "src", "assets");
const files = readdirSync(FOLDER);

function output(command: readonly string[], env: Record<string, string> = {}) {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...command], {
    stdin: "ignore",
    env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C.UTF-8", ...env },
  });
  return { text: stdout.toString() + stderr.toString(), status: exitCode };
}

test("every file of src/assets and completions is in the binary, as it is", async () => {
  const carried = await Promise.all(Object.values(ASSETS).map(({ text }) => text()));
  const kept = [
    ...files.map((name) => join(FOLDER, name)),
    ...readdirSync(join(ROOT, "completions")).map((name) => join(ROOT, "completions", name)),
  ];
  for (const file of kept) expect(carried, file).toContain(readFileSync(file, "utf8"));
});

describe("shell scripts", () => {
  const scripts = [
    "install.sh",
    "src/assets/auth-hook",
    "src/assets/ctrl-exec-demonstrator.sh",
    "src/assets/ctrl-exec-maintain.cron",
    "src/assets/ctrl-exec-agent.procd",
    "src/assets/ctrl-exec-api.procd",
    "src/assets/ctrl-exec-upgrade.procd",
    "test/prerequisites.sh",
    ".ci/bootstrap-bun.sh",
  ];
  test.each(scripts)("%s passes shellcheck and every shell's reading", (name) => {
    const file = join(ROOT, name);
    expect(output(["shellcheck", "--shell=sh", file])).toEqual({ text: "", status: 0 });
    for (const shell of [["dash"], ["bash", "--posix"], ["busybox", "ash"]]) {
      expect(output([...shell, "-n", file]), shell.join(" ")).toEqual({ text: "", status: 0 });
    }
  });

  test("so do the scripts that run in the test's machine", () => {
    const folder = join(ROOT, "test/install");
    const scripts = readdirSync(folder).filter((name) => name.endsWith(".sh"));
    const checked = [
      "shellcheck",
      "--shell=sh",
      "--severity=warning",
      "-x",
      ...scripts.map((name) => join("test/install", name)),
    ];
    const { stdout, exitCode } = Bun.spawnSync(checked, { cwd: ROOT });
    expect({ text: stdout.toString(), status: exitCode }).toEqual({ text: "", status: 0 });
  });

  test.each([
    ["ctrl-exec-agent.service", /^StartLimitIntervalSec=0$[\s\S]*^Restart=on-failure$/m],
    ["ctrl-exec-api.service", /^StartLimitIntervalSec=0$[\s\S]*^Restart=on-failure$/m],
    [
      "ctrl-exec-upgrade.service",
      /^StartLimitIntervalSec=0$[\s\S]*^ExecStopPost=-\/bin\/sleep \d+$/m,
    ],
    ["ctrl-exec-agent.openrc", /^respawn_max=0$/m],
    ["ctrl-exec-api.openrc", /^respawn_max=0$/m],
    ["ctrl-exec-upgrade.openrc", /^respawn_delay=\d+\nrespawn_max=0$/m],
    ["ctrl-exec-upgrade.procd", /procd_set_param respawn \d+ \d+ 0$/m],
    ["ctrl-exec-agent.procd", /procd_set_param respawn \d+ \d+ 0$/m],
    ["ctrl-exec-api.procd", /procd_set_param respawn \d+ \d+ 0$/m],
  ])("T65 %s is started again however often it could not start", (name, setting) => {
    expect(readFileSync(join(FOLDER, name), "utf8")).toMatch(setting);
  });

  test.each(files.filter((name) => name.endsWith(".openrc")))("%s reads as a script", (name) => {
    const file = join(FOLDER, name);
    // OpenRC reads these variables and calls these functions.
    const unused = "--exclude=SC2034,SC2154";
    expect(output(["shellcheck", "--shell=sh", unused, file])).toEqual({ text: "", status: 0 });
  });

  /** What calls these scripts, as far as a test needs it. */
  const CALLERS = {
    openrc: 'eval "$command $command_args"',
    procd: `
      procd_open_instance() { :; }
      procd_close_instance() { :; }
      procd_set_param() { [ "$1" != command ] || { shift; "$@"; }; }
      start_service`,
  };

  test.each(["openrc", "procd"] as const)(
    "T36 what %s starts carries out what the agent has handed over, and what was interrupted",
    (kind) => {
      for (const sign of ["ctrl-exec-agent/upgrade/apply", "ctrl-exec-upgrade/journal.json"]) {
        using folder = new TestFolder();
        folder.write(`var/${sign}`, "");
        folder.script("bin/ctrl-exec-upgrade", 'echo "called: $*, with $BUN_OPTIONS"');
        const text = readFileSync(join(FOLDER, `ctrl-exec-upgrade.${kind}`), "utf8")
          .replaceAll("/usr/local/bin/ctrl-exec-upgrade", folder.join("bin/ctrl-exec-upgrade"))
          .replaceAll("/var/lib", folder.join("var"));
        const script = `${text}\n${CALLERS[kind]}`;
        const env = { PATH: process.env.PATH ?? "", BUN_OPTIONS: "foreign" };
        const { stdout } = Bun.spawnSync(["sh", "-c", script], { env, timeout: 20_000 });
        expect(stdout.toString()).toBe("called: agent apply-upgrade, with \n");
      }
    },
  );

  test("the bash completion passes shellcheck", () => {
    const file = join(ROOT, "completions", "ctrl-exec.bash");
    expect(output(["shellcheck", "--shell=bash", file])).toEqual({ text: "", status: 0 });
  });
});

test.each(files.filter((name) => /\.[158]$/.test(name)))("%s is clean mdoc", (name) => {
  const { text } = output(["mandoc", "-T", "lint", "-W", "style", join(FOLDER, name)]);
  const problems = text.split("\n").filter((line) => !/referenced manual not found|^$/.test(line));
  expect(problems).toEqual([]);
});

describe("systemd units", () => {
  const units = files.filter((name) => /\.(service|timer|path)$/.test(name));

  /** The units with a program that is there, as systemd wants to see one. */
  function unitFolder(): TestFolder {
    const folder = new TestFolder();
    for (const name of units) {
      const text = readFileSync(join(FOLDER, name), "utf8");
      writeFileSync(folder.join(name), text.replace(/^(Exec\w+)=\S+/gm, "$1=/bin/true"));
    }
    return folder;
  }

  test.each(["ctrl-exec-agent", "ctrl-exec-api"])("no reload of %s is a mere signal", (name) => {
    for (const kind of ["service", "openrc", "procd"]) {
      const text = readFileSync(`${ROOT}/src/assets/${name}.${kind}`, "utf8");
      expect(text).toContain(`/usr/local/bin/${name} reload\n`);
      expect(text).toMatch(/RUNTIME_DIRECTORY=|RuntimeDirectory=/);
      expect(text).not.toMatch(/kill -HUP|--signal HUP|send_signal/);
    }
  });

  test("systemd-analyze verify has nothing to say", () => {
    using folder = unitFolder();
    const paths = units.map((name) => folder.join(name));
    expect(output(["systemd-analyze", "verify", "--man=no", ...paths])).toEqual({
      text: "",
      status: 0,
    });
  });

  function exposure(unit: string): number {
    const { text } = output(["systemd-analyze", "security", "--offline=true", "--no-pager", unit]);
    return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(text)?.[1] ?? Number.NaN);
  }

  test("API and maintenance are exposed 2.5 at most, and the agent without root scripts too", () => {
    using folder = unitFolder();
    expect(exposure(folder.join("ctrl-exec-api.service"))).toBeLessThanOrEqual(2.5);
    expect(exposure(folder.join("ctrl-exec-maintain.service"))).toBeLessThanOrEqual(2.5);
    expect(exposure(folder.join("ctrl-exec-upgrade.service"))).toBeLessThanOrEqual(2.5);
    const agent = exposure(folder.join("ctrl-exec-agent.service"));
    expect(agent).toBeGreaterThan(2.5);
    mkdirSync(folder.join("ctrl-exec-agent.service.d"));
    copyFileSync(
      join(FOLDER, "ctrl-exec-agent-tight.conf"),
      folder.join("ctrl-exec-agent.service.d/tight.conf"),
    );
    expect(exposure(folder.join("ctrl-exec-agent.service"))).toBeLessThanOrEqual(2.5);
  });

  test.each(units.filter((name) => name.endsWith(".service")))(
    "%s clears what would change the runtime",
    (name) => {
      const text = readFileSync(join(FOLDER, name), "utf8");
      for (const variable of ["BUN_BE_BUN", "BUN_OPTIONS", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS"]) {
        expect(text).toMatch(new RegExp(`^UnsetEnvironment=.*\\b${variable}\\b`, "m"));
      }
    },
  );
});

describe("the demonstrator", () => {
  const script = join(FOLDER, "ctrl-exec-demonstrator.sh");
  const context = JSON.stringify({ reqid: "a1b2c3d4e5f60718", username: "alice" });

  function demonstrate(...args: string[]) {
    const { stdout, stderr, exitCode } = Bun.spawnSync([script, ...args], {
      stdin: Buffer.from(context),
      env: { PATH: "/usr/bin:/bin" },
    });
    return { out: stdout.toString(), err: stderr.toString(), status: exitCode };
  }

  test("alone it lists its subcommands with the commands to try", () => {
    const { out, status } = demonstrate();
    expect(status).toBe(0);
    for (const word of ["stdout", "stderr", "exit", "args", "context", "log", "info", "sleep"]) {
      expect(out).toMatch(new RegExp(`^  ${word}\\b`, "m"));
    }
    expect(out).toContain("ctrl-exec run web-01 ctrl-exec-demonstrator -- exit 3");
  });

  test("each subcommand does what it says", () => {
    expect(demonstrate("stdout").out.split("\n")).toHaveLength(4);
    expect(demonstrate("stderr")).toMatchObject({ out: "", status: 0 });
    expect(demonstrate("exit", "7").status).toBe(7);
    expect(demonstrate("exit", "x").status).toBe(2);
    expect(demonstrate("args", "two words", "$HOME").out).toBe(
      "2 arguments\n[two words]\n[$HOME]\n",
    );
    expect(demonstrate("context").out).toBe(`${context}\n`);
    expect(demonstrate("info").out).toContain("user    uid=");
    expect(demonstrate("no-such").status).toBe(2);
  });
});

describe("the auth hook example", () => {
  const hash = (token: string) => new Bun.CryptoHasher("sha256").update(token).digest("hex");

  interface Asked {
    readonly action?: HookAction;
    readonly script?: string;
    readonly args?: readonly string[];
    readonly username?: string;
    readonly token?: string;
    readonly via?: "cli" | "api";
    readonly submitter?: string;
  }

  /** As a hook is asked, its variables left out: it is told everything on its standard input. */
  function decide(asked: Asked, tokens?: Tokens): number | null {
    const { script = "", args = [], username = "", token = "", via = "cli", submitter } = asked;
    const { action = script === "" ? "ping" : "run" } = asked;
    const time = new Date("2025-01-15T12:00:00Z");
    const request = { script, args, username, token, sourceIp: "127.0.0.1", time, via, submitter };
    return decideText(hookInput({ action, hosts: ["web-01"], ...request }), tokens);
  }

  /** A file's text, or who puts something in its place. */
  type Tokens = string | ((path: string) => void);

  function decideText(input: string, tokens?: Tokens): number | null {
    using folder = new TestFolder();
    if (typeof tokens === "string") folder.write("auth-tokens", tokens);
    else tokens?.(folder.join("auth-tokens"));
    const text = readFileSync(join(FOLDER, "auth-hook"), "utf8");
    const hook = folder.script(
      "auth-hook",
      text.replace("/etc/ctrl-exec/auth-tokens", folder.join("auth-tokens")),
    );
    return Bun.spawnSync([hook], { stdin: Buffer.from(input), env: { PATH: "/usr/bin:/bin" } })
      .exitCode;
  }

  test("works as it is: the command line passes, the API does not, whatever token it sends", () => {
    expect(decide({ script: "x" })).toBe(0);
    expect(decide({ script: "x", via: "api" })).toBe(2);
    expect(decide({ via: "api", username: "alice", token: "t1" })).toBe(2);
    // Who does not say so is not the command line: an agent, a release that knows no faces.
    expect(decideText('{"action":"run","source_ip":"127.0.0.1"}')).toBe(2);
    expect(
      decideText('{"action":"run","args":["\\",\\"via\\":\\"cli"],"source_ip":"127.0.0.1"}'),
    ).toBe(2);
  });

  const tokens = `# who\n${hash("t1")} alice deploy-app,backup\n${hash("t2")} bob *\n`;

  test("with a file of tokens, token, user and script must fit", () => {
    const ask = (token: string, username: string, script: string) =>
      decide({ token, username, script }, tokens);
    expect(ask("t1", "alice", "deploy-app")).toBe(0);
    expect(ask("t1", "alice", "backup")).toBe(0);
    expect(ask("t1", "alice", "")).toBe(0);
    expect(ask("t1", "alice", "reboot")).toBe(3);
    expect(ask("t1", "alice", "deploy")).toBe(3);
    expect(ask("t1", "alice", "*")).toBe(3);
    expect(ask("t1", "bob", "deploy-app")).toBe(2);
    expect(ask("t2", "bob", "anything")).toBe(0);
    expect(ask("t3", "bob", "anything")).toBe(2);
    expect(ask("", "bob", "anything")).toBe(2);
    expect(ask("# who", "bob", "anything")).toBe(2);
  });

  test("T25 a run is for whoever ran it to end, and for a token that may run everything", () => {
    for (const action of ["cancel", "pause", "continue"] as const) {
      const ask = (token: string, submitter: string) =>
        decide({ action, token, submitter }, tokens);
      expect([ask("t1", "alice"), ask("t1", "bob"), ask("t1", "")]).toEqual([0, 1, 3]);
      expect([ask("t2", "alice"), ask("t2", "bob"), ask("t2", "")]).toEqual([0, 0, 0]);
    }
  });

  test("T25 join tokens are for a token that may run everything", () => {
    for (const action of ["token-create", "token-list", "token-revoke"] as const) {
      expect([
        decide({ action, token: "t1" }, tokens),
        decide({ action, token: "t2" }, tokens),
      ]).toEqual([3, 0]);
    }
  });

  test("T36 an upgrade is for a token that names it", () => {
    const some = `${hash("t1")} alice deploy-app,@upgrade\n${hash("t2")} bob *,@upgrade\n`;
    const ask = (token: string, list: string) => decide({ action: "upgrade", token }, list);
    expect([ask("t1", some), ask("t2", some)]).toEqual([0, 0]);
    expect([ask("t1", tokens), ask("t2", tokens), ask("t3", some), ask("", some)]).toEqual([
      3, 3, 2, 2,
    ]);
    expect(decide({ action: "upgrade", token: "t1", username: "bob" }, some)).toBe(2);
    expect(decide({ script: "anything", token: "t2" }, some)).toBe(0);
    expect(decide({ script: "anything", token: "t1" }, some)).toBe(3);
  });

  test("T25 a run's record is for whoever ran it, and for a token that may run everything", () => {
    const ask = (token: string, submitter: string) =>
      decide({ token, submitter, via: "api" }, tokens);
    expect(ask("t1", "alice")).toBe(0);
    expect(ask("t1", "bob")).toBe(1);
    expect(ask("t1", 'ali"ce')).toBe(1);
    expect(ask("t2", "alice")).toBe(0);
    // Of an unknown run, or of one whose caller gave no name.
    expect(ask("t1", "")).toBe(0);
  });

  test("a token for some scripts passes without a script only with words that are known", () => {
    for (const action of ["ping", "api", "read"] as const) {
      expect(decide({ action, token: "t1" }, tokens)).toBe(0);
    }
    expect(decide({ action: "run", token: "t1" }, tokens)).toBe(3);
  });

  test.each(["later", "", "run:", "*"])("T25 the unknown word '%s' is refused", (action) => {
    const ask = (script: string, token: string, list?: string) => {
      const asked = { action, script, username: "", token, via: "cli" };
      return decideText(JSON.stringify(asked), list);
    };
    for (const script of ["", "deploy-app"]) {
      expect([ask(script, "t1", tokens), ask(script, "t2", tokens), ask(script, "")]).toEqual([
        3, 3, 3,
      ]);
    }
  });

  test("every word of this version is known, if the control host's hook is asked about it", () => {
    const passes = (action: HookAction) =>
      [decide({ action }), decide({ action, token: "t2" }, tokens)] as const;
    const both = [0, 0] as const;
    const answers: Record<HookAction, readonly [number, number]> = {
      run: both,
      ping: both,
      api: both,
      read: both,
      cancel: both,
      pause: both,
      continue: both,
      "token-create": both,
      "token-list": both,
      "token-revoke": both,
      // An agent's hook is.
      discovery: [3, 3],
      // It needs a token of its own.
      upgrade: [3, 3],
    };
    for (const action of Object.keys(answers) as HookAction[]) {
      expect([action, ...passes(action)]).toEqual([action, ...answers[action]]);
    }
  });

  test("T25 a word that is for runs and tokens passes with no script that a token may run", () => {
    for (const action of ["cancel", "pause", "continue", "token-create"] as const) {
      expect(decide({ action, script: "deploy-app", token: "t1" }, tokens)).toBe(3);
    }
  });

  test.each(["cli", "api"] as const)("%s: a token without a user is its user's", (via) => {
    expect(decide({ token: "t1", via }, tokens)).toBe(0);
    expect(decide({ token: "t1", script: "backup", via }, tokens)).toBe(0);
    expect(decide({ token: "t1", script: "reboot", via }, tokens)).toBe(3);
    expect(decide({ token: "t1", username: "bob", via }, tokens)).toBe(2);
    expect(decide({ token: "t3", via }, tokens)).toBe(2);
    expect(decide({ via }, tokens)).toBe(2);
  });

  test("T67 reads what is too long for a variable, and takes no argument for a member", () => {
    const args = ['","token":"t2', '\\","username":"bob', "}],{[", "\\", '"', "x".repeat(300_000)];
    expect(decide({ script: "deploy-app", args, username: "alice", token: "t1" }, tokens)).toBe(0);
    expect(decide({ script: "reboot", args, username: "alice", token: "t1" }, tokens)).toBe(3);
    expect(decide({ script: "reboot", args, username: "alice", token: "t3" }, tokens)).toBe(2);
  });

  test("T67 takes names and tokens with quotation marks and backslashes as they are", () => {
    const token = 'a"b\\c\\\\"d\\';
    const list = `${hash(token)} DOMAIN\\al"ice *\n${hash("DOMAIN")} b *\n`;
    expect(decide({ script: "x", username: 'DOMAIN\\al"ice', token }, list)).toBe(0);
    expect(decide({ script: "x", username: 'DOMAINal"ice', token }, list)).toBe(2);
    expect(decide({ script: "x", username: 'DOMAIN\\al"ice', token: `${token}"` }, list)).toBe(2);
  });

  test.each([
    ["a control character in the name", { username: "alice\nx", token: "t1" }],
    ["a control character in the script's name", { script: "a\tb", username: "bob", token: "t2" }],
    ["half a character in the token", { username: "alice", token: "t1\ud800" }],
  ])("T67 refuses %s", (_, asked) => {
    expect(decide(asked, tokens)).toBe(2);
    expect(decide(asked)).toBe(2);
  });

  test.each([
    ["no script", '{"username":"alice","token":"t1"}'],
    ["a script that is not text", '{"script":null,"username":"alice","token":"t1"}'],
    ["a script by an escaped key", '{"scr\\u0069pt":"reboot","username":"alice","token":"t1"}'],
    ["no user", '{"script":"backup","token":"t1"}'],
    ["no token", '{"script":"backup","username":"alice"}'],
  ])("T67 a good token lets no request pass that has %s", (_, input) => {
    expect(decideText('{"action":"api","script":"","username":"alice","token":"t1"}', tokens)).toBe(
      0,
    );
    expect(decideText(input, tokens)).toBe(2);
  });

  test("T67 refuses a request that was cut off", () => {
    const whole = '{"action":"ping","via":"cli"}';
    expect(decideText(whole)).toBe(0);
    for (let length = 0; length < whole.length; length++) {
      expect(decideText(whole.slice(0, length))).not.toBe(0);
    }
  });

  test.each<[string, (path: string) => void]>([
    ["a link that leads nowhere", (path) => symlinkSync("/no-such-file", path)],
    ["a link to itself", (path) => symlinkSync(path, path)],
    ["a folder", (path) => mkdirSync(path)],
    ["a FIFO", (path) => Bun.spawnSync(["mkfifo", path])],
    ["an empty file", (path) => writeFileSync(path, "")],
    ["a file of comments", (path) => writeFileSync(path, "# nobody yet\n\n")],
  ])("T74 %s in the place of the tokens lets nobody pass, this host neither", (_, place) => {
    for (const token of ["", "t1"]) expect([1, 2]).toContain(decide({ token }, place) ?? 0);
  });

  test("T74 a folder of tokens that is not there, or cannot be entered, lets nobody pass", () => {
    using folder = new TestFolder();
    const text = readFileSync(join(FOLDER, "auth-hook"), "utf8");
    const missing = folder.join("none/auth-tokens");
    const hook = folder.script("hook", text.replace("/etc/ctrl-exec/auth-tokens", missing));
    const asked = {
      stdin: Buffer.from('{"action":"ping","via":"cli"}'),
      env: { PATH: "/usr/bin:/bin" },
    };
    expect(Bun.spawnSync([hook], asked).exitCode).toBe(1);
  });

  test.each([
    ["no newline after the last line", (line: string) => line],
    ["the line ends of Windows", (line: string) => `# who\r\n\r\n${line}\r\n`],
    ["blanks before and between", (line: string) => `  \t${line.replaceAll(" ", " \t ")} \n`],
  ])("T74 a file of tokens is read to its end: %s", (_, file) => {
    const ask = (token: string, user: string, script: string, line: string) =>
      decide({ token, username: user, script }, file(line));
    expect(ask("t1", "alice", "backup", `${hash("t1")} alice deploy-app,backup`)).toBe(0);
    expect(ask("t1", "alice", "reboot", `${hash("t1")} alice deploy-app,backup`)).toBe(3);
    expect(ask("t1", "alice", "", `${hash("t1")} alice`)).toBe(0);
    expect(ask("t2", "bob", "any", `${hash("t2")} bob *`)).toBe(0);
    expect(ask("t2", "eve", "any", `${hash("t2")} bob *`)).toBe(2);
  });

  test("T74 without a tool that makes digests, a blank line is nobody's token", () => {
    using folder = new TestFolder();
    folder.script("bin/sha256sum", "cat >/dev/null");
    const text = readFileSync(join(FOLDER, "auth-hook"), "utf8");
    const tokens = folder.write("auth-tokens", "\n");
    const hook = folder.script("hook", text.replace("/etc/ctrl-exec/auth-tokens", tokens));
    const env = { PATH: `${folder.join("bin")}:/usr/bin:/bin` };
    const request = '{"action":"ping","script":"","username":"","token":"t1"}';
    const asked = { stdin: Buffer.from(request), env };
    expect(Bun.spawnSync([hook], asked).exitCode).toBe(1);
  });
});
