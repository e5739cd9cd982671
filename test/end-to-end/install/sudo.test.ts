/**
 * Who is let in by sudo, through the rule that the documents show, with sudo itself (T62). Who is not root cannot
 * have sudo read another rule, and proves what it can: the rule's form, and what the program makes of the variables.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { runCommand, runProgram } from "../../support/binary.ts";
import { readDocument } from "../../support/documents.ts";
import { ControlHost } from "../../support/fleet.ts";
import { OPERATOR, prepareEtc, READER, sudoersBlocks, typed } from "../../support/sudo.ts";

const asRoot = process.getuid?.() === 0;
const TOKEN = "t0ken-of-alice-5f8e";
/** As sudo tells it. */
const SUDO = { SUDO_UID: String(OPERATOR.uid), SUDO_USER: OPERATOR.name };

let control: ControlHost;
let target: string;
let seen: string;

beforeAll(async () => {
  control = await ControlHost.create();
  await control.startAgent("web-01", { scripts: { greet: "echo hello" } });
  await (await control.addAgent("web-02", { scripts: {} })).pair();
  target = `127.0.0.1:${control.agents[0]?.port}`;
  seen = control.folder.join("seen");
  const hook = control.folder.script(
    "control/auth-hook",
    `printf '%s\\n' "$ENVEXEC_TOKEN" > ${seen}; test "$ENVEXEC_TOKEN" = ${TOKEN}`,
  );
  control.addLines([`auth_hook = ${hook}`]);
  control.folder.write("token", `${TOKEN}\n`, 0o600);
  if (asRoot) {
    chownSync(control.folder.join("token"), OPERATOR.uid, OPERATOR.gid);
    prepareEtc(control);
  }
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const run = (...options: readonly string[]) =>
  `sudo -n ctrl-exec run ${target} greet --log stderr ${options.join(" ")}`;

function records(): string[] {
  const folder = control.folder.join("control", "state", "runs");
  return existsSync(folder) ? readdirSync(folder) : [];
}

function readRecord(name: string): unknown {
  return JSON.parse(readFileSync(control.folder.join("control", "state", "runs", name), "utf8"));
}

test("T62 the rules of the documents are rules", async () => {
  expect(sudoersBlocks().length).toBeGreaterThan(0);
  for (const { place, text } of sudoersBlocks()) {
    const file = control.folder.write("rule", text, 0o440);
    const { status, err } = await runCommand(["/usr/sbin/visudo", "-cf", file]);
    expect(`${place}: ${err}`).toBe(`${place}: `);
    expect(status).toBe(0);
    rmSync(file);
  }
});

test("what makes a CA, replaces this host's certificate or changes a host is in the log", async () => {
  const folder = control.folder.join("another");
  const config = control.folder.write("another/ctrl-exec.conf", `state_dir = ${folder}\n`);
  const setting = ["--config", config, "--log", control.log.path];
  const { out } = await runProgram("ctrl-exec", ["setup-ca", ...setting]);
  const made = await control.log.seen("setup-ca");
  expect(out).toContain(`CA fingerprint:  ${made.fields.FINGERPRINT}\n`);
  expect((await runProgram("ctrl-exec", ["setup-ctrl-exec", ...setting])).status).toBe(0);
  const { fields } = await control.log.seen("setup-ctrl-exec");
  expect(fields.SERIAL).toMatch(/^[0-9a-f]+$/i);
  await control.mustRun("edit-agent", ["web-02", "--agent-port", "7450"]);
  const edited = await control.log.seen("edit-agent");
  expect(edited.fields).toMatchObject({ AGENT: "web-02", PORT: "7450" });
});

test("T62 with lent rights the log names the caller", async () => {
  const { err } = await runProgram("ctrl-exec", ["run", target, "greet", "--log", "stderr"], {
    env: SUDO,
  });
  expect(err).toMatch(/ACTION=auth AUTHACTION=run BY=alice .*RESULT=pass USER=tester/);
});

test("T62 with lent rights nothing runs where nobody may lift a limit on files", async () => {
  // root may, where it has this capability.
  const drop = asRoot ? "setpriv --bounding-set=-sys_resource" : "";
  const { status, err } = await runProgram(
    "ctrl-exec",
    ["run", target, "greet", "--log", "stderr"],
    {
      env: SUDO,
      startedBy: ["sh", "-ec", `ulimit -f 1; exec ${drop} "$@"`, "sh"],
    },
  );
  expect(err).toContain(
    "Cannot run under sudo, doas or pkexec: ulimit -f allows no file larger than 512 bytes",
  );
  expect(err).toContain("ulimit -f unlimited\n");
  expect(err).not.toContain("ACTION=");
  expect(status).toBe(78);
});

test("T62 whoever is denied is told for whom the hook was asked", async () => {
  // As sudo sets it.
  const env = { USER: "root" };
  const { err, status } = await control.run("run", [target, "greet"], { env });
  expect(err).toBe(
    "Denied: denied\nThe auth hook was asked for user root, without a token; --token-file gives one, --username another name.\n",
  );
  expect(status).toBe(1);
});

/** Without the lines of the log, which stand among them where there is no /dev/log. */
function messages(err: string): string {
  return err.replace(/^ctrl-exec\[\d+\]: ACTION=.*\n/gm, "");
}

/** The line of the documents, as they have it but for its host and script. */
function documentedLine(): string {
  const [line = ""] =
    /^sudo ctrl-exec run .*--token-file ~.*$/m.exec(readDocument("docs/OPERATIONS.md")) ?? [];
  return line.replace("web-01 deploy-app", `${target} greet`);
}

const DENIED_AS_ROOT =
  "Denied: bad credentials\nThe auth hook was asked for user root; --username names another.\n";

const withSudoItself = () => {
  test("the documented line is let through by the example hook, and not without its --username", async () => {
    const usual = readFileSync(control.config, "utf8");
    const { out: hook } = await runProgram("ctrl-exec", ["asset", "auth-hook"]);
    control.folder.write("control/example-hook", hook, 0o755);
    const digest = createHash("sha256").update(TOKEN).digest("hex");
    control.folder.write("control/auth-tokens", `${digest} ${OPERATOR.name} greet\n`, 0o600);
    control.folder.write("home/.ctrl-exec-token", `${TOKEN}\n`, 0o600);
    chownSync(control.folder.join("home/.ctrl-exec-token"), OPERATOR.uid, OPERATOR.gid);
    const example = "auth_hook = /etc/ctrl-exec/example-hook\nauth_hook_json = yes";
    control.folder.write("control/ctrl-exec.conf", usual.replace(/^auth_hook = .*$/m, example));

    const line = documentedLine();
    const setting = `export HOME=${control.folder.join("home")} USER=${OPERATOR.name};`;
    const ran = await typed(control, `${setting} ${line}`);
    const named = ' --username "$USER"';
    expect(line).toContain(named);
    const denied = await typed(control, `${setting} ${line.replace(named, "")}`);
    writeFileSync(control.config, usual);
    expect(messages(ran.err)).toBe("");
    expect(ran.out).toContain("hello\n");
    expect(ran.status).toBe(0);
    expect(messages(denied.err)).toBe(DENIED_AS_ROOT);
    expect(denied).toMatchObject({ status: 1, out: "" });
  });

  test("lets run and ping pass, and no other mode", async () => {
    const file = `--token-file ${control.folder.join("token")}`;
    const ran = await typed(control, run(file));
    expect(ran.out).toContain("hello\n");
    expect(ran.status).toBe(0);
    expect((await typed(control, `sudo -n ctrl-exec ping ${target} ${file}`)).status).toBe(0);
    for (const mode of ["approve a1b2c3d4e5f60718", "rotate-cert", "list-agents"]) {
      const { err, status } = await typed(control, `sudo -n ctrl-exec ${mode}`);
      expect(err).toMatch(/^sudo: /);
      expect(status).toBe(1);
    }
  });

  test("lets the group of 0.8 read on, and no more", async () => {
    const listed = await typed(control, "sudo -n ctrl-exec list-agents", READER);
    expect(listed.out).toContain("web-01");
    expect((await typed(control, "sudo -n ctrl-exec serial-status", READER)).status).toBe(0);
    expect((await typed(control, "sudo -n ctrl-exec unpair web-01", READER)).err).toMatch(
      /^sudo: /,
    );
  });

  test("loses ENVEXEC_TOKEN, and a file or standard input brings the token", async () => {
    const lost = await typed(control, `ENVEXEC_TOKEN=${TOKEN} ${run()}`);
    expect(lost.err).toContain("Denied");
    expect(readFileSync(seen, "utf8")).toBe("\n");
    const lines = [
      run(`--token-file ${control.folder.join("token")}`),
      `${run("--token-file -")} < ${control.folder.join("token")}`,
      `printf %s ${TOKEN} | ${run("--token-file=-")}`,
    ];
    for (const line of lines) {
      const { status, out, err } = await typed(control, line);
      expect(status, err).toBe(0);
      expect(out + err).not.toContain(TOKEN);
    }
  });

  test("reads no file of root's for a token, and tells nothing of it", async () => {
    rmSync(seen, { force: true });
    const secret = control.folder.write("secret", "root's own\n", 0o644);
    const link = control.folder.join("link");
    symlinkSync(secret, link);
    const fifo = control.folder.join("fifo");
    Bun.spawnSync(["mkfifo", fifo]);
    const files = [
      secret,
      link,
      fifo,
      "/etc/shadow",
      "/nowhere/at-all",
      "/dev/zero",
      "/proc/1/environ",
    ];
    for (const file of files) {
      const { status, err } = await typed(control, run(`--token-file ${file}`));
      expect(err).toContain(
        `Cannot use ${file}: there is no plain file of your own at that path\n`,
      );
      expect(err).not.toContain("root's own");
      expect(status).toBe(2);
    }
    expect(existsSync(seen)).toBe(false);
  });

  test("writes output into a folder of the caller's own, as his, and nowhere else", async () => {
    const token = `--token-file ${control.folder.join("token")}`;
    for (const name of ["own", "roots", "home"])
      mkdirSync(control.folder.join("output", name), { recursive: true });
    chownSync(control.folder.join("output", "own"), OPERATOR.uid, OPERATOR.gid);
    chownSync(control.folder.join("output", "home"), OPERATOR.uid, OPERATOR.gid);
    symlinkSync(control.folder.join("output", "own"), control.folder.join("output", "link"));
    rmSync(seen, { force: true });
    // One that root would make, one of root's, a link, and one that is not empty.
    for (const path of ["home/new", "roots", "link", "."]) {
      const folder = control.folder.join("output", path);
      const { status, err } = await typed(control, run(token, `--output ${folder}`));
      expect(err).toContain(
        `Cannot write to ${folder}: there is no empty folder of your own at that path\n`,
      );
      expect(status).toBe(2);
    }
    expect(existsSync(seen)).toBe(false);
    const own = control.folder.join("output", "own");
    expect((await typed(control, run(token, `--output ${own}`))).status).toBe(0);
    const files = readdirSync(own).sort();
    expect(files).toEqual(["127.0.0.1.stderr", "127.0.0.1.stdout"]);
    for (const file of files) {
      const { uid, gid, mode } = statSync(`${own}/${file}`);
      expect([uid, gid, mode & 0o777]).toEqual([OPERATOR.uid, OPERATOR.gid, 0o600]);
    }
    expect(readFileSync(`${own}/127.0.0.1.stdout`, "utf8")).toBe("hello\n");
    expect(readdirSync(control.folder.join("output", "home"))).toEqual([]);
  });

  test("takes hosts from the caller's own file, or one that the shell has opened, and from no file of root's", async () => {
    const own = control.folder.write("hosts", `${target}\n`, 0o600);
    chownSync(own, OPERATOR.uid, OPERATOR.gid);
    const secret = control.folder.write("secret-hosts", `${target}\n`, 0o644);
    const link = control.folder.join("hosts-link");
    symlinkSync(secret, link);
    const line = (from: string) =>
      `sudo -n ctrl-exec run greet --hosts-from ${from} --token-file ${control.folder.join("token")}`;
    for (const from of [own, `- < ${secret}`]) {
      const { out, err, status } = await typed(control, line(from));
      expect([status, out], err).toEqual([0, expect.stringContaining("hello\n")]);
    }
    for (const file of [secret, link, "/etc/shadow", "/nowhere/at-all", "/proc/1/environ"]) {
      const { err, out, status } = await typed(control, line(file));
      expect(err).toContain(
        `Cannot use ${file}: there is no plain file of your own at that path\nUnder sudo, --hosts-from reads only`,
      );
      expect([status, out]).toEqual([2, ""]);
    }
  });

  test("names who was let in, in every line of the log", async () => {
    const { err } = await typed(control, run(`--token-file ${control.folder.join("token")}`));
    const lines = err.split("\n").filter((line) => line.includes("ACTION="));
    expect(lines.map((line) => /ACTION=(\S+)/.exec(line)?.[1])).toEqual(
      expect.arrayContaining(["auth", "dispatch", "run"]),
    );
    for (const line of lines) expect(line).toContain(" BY=alice ");
    expect(err).toMatch(/ACTION=auth .*USER=root/);
  });

  test("names who was let in when something is changed", async () => {
    const edited = await typed(
      control,
      "sudo -n ctrl-exec edit-agent web-01 --lookup-by ip --log stderr",
    );
    expect(edited.err).toMatch(/ACTION=edit-agent AGENT=web-01 BY=alice IP=\S+ LOOKUP_BY=ip/);
    const unpaired = await typed(control, "sudo -n ctrl-exec unpair web-02 --log stderr");
    expect(unpaired.err).toContain("ACTION=unpair AGENT=web-02 BY=alice EXPIRY=");
  });

  test.each(["ulimit -S -f 0", "trap '' XFSZ; ulimit -S -f 1", "umask 0777", "umask 0"])(
    "is recorded whatever bounds the caller: %s",
    async (limit) => {
      const before = records();
      const locks = control.folder.join("control", "state", "locks");
      rmSync(locks, { recursive: true, force: true });
      const file = `--token-file ${control.folder.join("token")}`;
      const { status, err, out } = await typed(control, `${limit}; ${run(file)}`);
      expect(status, err).toBe(0);
      expect(out).toContain("hello");
      const added = records().filter((name) => !before.includes(name));
      expect(added).toHaveLength(1);
      expect(statSync(locks).mode & 0o777).toBe(0o750);
      expect(readRecord(added[0] ?? "")).toMatchObject({ complete: true, script: "greet" });
    },
  );

  test.each(["ulimit -f 0", "trap '' XFSZ; ulimit -f 0", "trap '' XFSZ; ulimit -f 1"])(
    "is recorded or refused: %s",
    async (limit) => {
      rmSync(seen, { force: true });
      const before = records();
      const file = `--token-file ${control.folder.join("token")}`;
      const { status, err } = await typed(control, `${limit}; ${run(file)}`);
      // Where root is not root enough to lift it, nobody was asked.
      if (status === 0) expect(records()).toHaveLength(before.length + 1);
      else
        expect(err).toContain(
          "Cannot run under sudo, doas or pkexec: ulimit -f allows no file larger than ",
        );
      expect(existsSync(seen)).toBe(status === 0);
    },
  );

  test("is refused when its record cannot be written", async () => {
    rmSync(seen, { force: true });
    const runs = control.folder.join("control", "state", "runs");
    renameSync(runs, `${runs}.away`);
    writeFileSync(runs, "no folder");
    const file = `--token-file ${control.folder.join("token")}`;
    const { status, err } = await typed(control, run(file));
    rmSync(runs);
    renameSync(`${runs}.away`, runs);
    expect(err).toContain("Cannot start the run: its record cannot be written");
    expect(err).not.toContain("ACTION=dispatch");
    expect(status).toBe(1);
  });

  test.each(["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])(
    "writes its messages into no file of its own, started with %s",
    async (closed) => {
      const before = records();
      const file = `--token-file ${control.folder.join("token")}`;
      await typed(control, `${run(file)} ${closed}`);
      for (const name of records().filter((added) => !before.includes(added))) {
        expect(readRecord(name)).toMatchObject({ complete: true, script: "greet" });
      }
      expect(records().length).toBe(before.length + 1);
    },
  );
};

if (asRoot) describe("T62 the rule of the documents, with sudo itself,", withSudoItself);
