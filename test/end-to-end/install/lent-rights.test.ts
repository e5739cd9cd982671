/**
 * What decides about power is judged whole, and as the caller sees it: a sudo rule lets somebody run
 * `ctrl-exec run *` as root, and every option is his (T62).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, lchownSync, mkdirSync, symlinkSync } from "node:fs";
import { type ProgramName, runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";

const asRoot = process.getuid?.() === 0;
const CALLER = 12_345;
/** As sudo tells it. */
const SUDO = { SUDO_UID: String(CALLER) };

let control: ControlHost;
let ran: string;

beforeAll(async () => {
  control = await ControlHost.create();
  ran = control.folder.join("ran");
  const hook = control.folder.script("control/auth-hook", "exit 1");
  await control.startAgent("web-01", { scripts: { touch: `touch ${ran}` } });
  control.folder.write("control/hooked.conf", settings(`auth_hook = ${hook}`));
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

function settings(...lines: readonly string[]): string {
  return [`state_dir = ${control.folder.join("control", "state")}`, ...lines, ""].join("\n");
}

async function run(config: string, env: Readonly<Record<string, string>> = {}) {
  const target = `127.0.0.1:${control.agents[0]?.port}`;
  const args = ["run", target, "touch", "--config", config, "--log", control.log.path];
  return await runProgram("ctrl-exec", args, { env });
}

/** A folder of links as a caller lays it: an empty configuration of root's, and the real keys beside it. */
function folderOfLinks(name: string): string {
  mkdirSync(control.folder.join(name));
  const empty = control.folder.write("control/empty.conf", "");
  symlinkSync(empty, control.folder.join(name, "c.conf"));
  for (const file of ["ctrl-exec.crt", "ctrl-exec.key", "ca.crt"]) {
    symlinkSync(control.folder.join("control", file), control.folder.join(name, file));
  }
  return control.folder.join(name, "c.conf");
}

describe("T62 the hook cannot be gone round", () => {
  test("it refuses with its own configuration", async () => {
    const { status, err } = await run(control.folder.join("control", "hooked.conf"));
    expect(err).toContain("Denied: ");
    expect(status).not.toBe(0);
    expect(existsSync(ran)).toBe(false);
  });

  test("by a folder of links that the caller has laid", async () => {
    const config = folderOfLinks("links");
    const folder = control.folder.join("links");
    // Any folder that others can write to, and as root also one that is the caller's.
    chmodSync(folder, 0o777);
    const open = await run(config);
    expect(open.err).toContain(
      `Cannot use ${config}: ${folder} can be written by its group and others`,
    );
    expect(open.status).toBe(78);
    chmodSync(folder, 0o755);
    if (asRoot) {
      chownSync(folder, CALLER, CALLER);
      for (const env of [{}, SUDO]) {
        const { status, err } = await run(config, env);
        expect(err).toContain(`Cannot use ${config}: `);
        expect(status).toBe(78);
      }
      chownSync(folder, 0, 0);
      lchownSync(config, CALLER, CALLER);
      expect((await run(config)).err).toContain(`it belongs to user ${CALLER}`);
      lchownSync(config, 0, 0);
      lchownSync(control.folder.join("links", "ctrl-exec.key"), CALLER, CALLER);
      expect((await run(config)).err).toContain("ctrl-exec.key: it belongs to user");
    }
    expect(existsSync(ran)).toBe(false);
  });

  test.each(["SUDO_UID", "DOAS_USER", "PKEXEC_UID"])(
    "with %s, by a file elsewhere, however well it is kept",
    async (variable) => {
      const { status, err } = await run(control.config, { [variable]: String(CALLER) });
      expect(err).toContain(
        `Cannot use ${control.config}: under sudo only a .conf or .toml file in /etc/ctrl-exec can be named`,
      );
      expect(err).toContain("Leave the option out to use the usual file.");
      expect(status).toBe(78);
      expect(existsSync(ran)).toBe(false);
    },
  );

  // Each is root's alone; an empty one, or one of another program, would stand for "no hook".
  test.each([
    "/etc/passwd",
    "/etc/host.conf",
    "/etc/ctrl-exec-agent/agent.conf",
    "/etc/ctrl-exec/../host.conf",
    "/etc/ctrl-exec/old/ctrl-exec.conf",
    "/etc/ctrl-exec/ctrl-exec.conf~",
    "/etc/ctrl-exec/ctrl-exec.conf.bak",
  ])("with sudo, by another file of root's: %s", async (file) => {
    const { status, err } = await run(file, SUDO);
    expect(err).toContain("under sudo only a .conf or .toml file in /etc/ctrl-exec can be named");
    expect(status).toBe(78);
  });

  test("with sudo, files in the usual folder can be named", async () => {
    const { err } = await run("/etc/ctrl-exec/not-there.conf", SUDO);
    expect(err).toContain("Cannot read /etc/ctrl-exec/not-there.conf: no such file");
  });

  test("with sudo, no other program takes the caller's file either", async () => {
    const agent = control.agents[0]?.config ?? "";
    const calls: [ProgramName, string[]][] = [
      ["ctrl-exec-api", ["--config", control.config]],
      ["ctrl-exec", ["setup-ca", "--config", control.config]],
      ["ctrl-exec-agent", ["serve", "--config", agent]],
      ["ctrl-exec-agent", ["self-ping", "--config", agent]],
      ["ctrl-exec-agent", ["request-pairing", "--dispatcher=127.0.0.1", "--config", agent]],
      [
        "ctrl-exec-agent",
        ["request-pairing", "--dispatcher=127.0.0.1", "--background", "--config", agent],
      ],
    ];
    for (const [program, args] of calls) {
      const { status, err } = await runProgram(program, args, { env: SUDO });
      expect(err, args.join(" ")).toContain("Leave the option out");
      expect(status).toBe(78);
    }
  });
});

describe("T62 what decides about the control host's power must be closed:", () => {
  const MODES = { file: 0o664, folder: 0o2775 };
  const cases: readonly (readonly [string, keyof typeof MODES])[] = [
    ["control/ctrl-exec.conf", "file"],
    ["control/ctrl-exec.crt", "file"],
    ["control/ca.crt", "file"],
    ["control/ca.key", "file"],
    ["control", "folder"],
    ["control/state", "folder"],
    ["control/state/agents", "folder"],
    ["control/state/pairing", "folder"],
    ["control/state/runs", "folder"],
    ["control/state/locks", "folder"],
  ];

  test.each(cases)("%s, which its group could write", async (name, kind) => {
    const path = control.folder.join(name);
    mkdirSync(kind === "folder" ? path : control.folder.join("control"), { recursive: true });
    const before = kind === "folder" ? 0o755 : 0o600;
    chmodSync(path, MODES[kind]);
    const { status, err } = await control.run("list-agents");
    chmodSync(path, before);
    expect(err).toMatch(/^ctrl-exec: Cannot use /);
    expect(err).toMatch(
      /(it|\S+) can be written by (its group|others|its group and others) \(mode 2?\d+\)\n/,
    );
    expect(err).toContain(`chmod go-w ${path}\n`);
    expect(status).toBe(78);
    expect((await control.run("list-agents")).status).toBe(0);
  });

  test.each(["cert", "key", "ca", "api_cert", "api_key", "ca_dir"])(
    "what %s names elsewhere",
    async (key) => {
      const path = control.folder.write(`open/${key}`, "");
      chmodSync(control.folder.join("open"), 0o777);
      const config = control.folder.write(`control/${key}.conf`, settings(`${key} = ${path}`));
      const { status, err } = await runProgram("ctrl-exec", ["list-agents", "--config", config]);
      expect(err).toContain(`Cannot use ${path}: ${control.folder.join("open")} can be written`);
      expect(status).toBe(78);
    },
  );

  test("the API does not start on an open state_dir", async () => {
    const state = control.folder.join("control", "state");
    chmodSync(state, 0o770);
    const { status, err } = await control.program("ctrl-exec-api", []);
    chmodSync(state, 0o750);
    expect(err).toContain(`Cannot use ${state}: it can be written by its group`);
    expect(status).toBe(78);
  });
});
