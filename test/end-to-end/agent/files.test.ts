import { expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { generateKeyPem } from "../../../src/pki/keys.ts";
import { Authority } from "../../support/authority.ts";
import { programPath, type Running, runCommand } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";

const UPDATE = `update-ctrl-exec-serial = ${programPath("update-ctrl-exec-serial")}`;

const asRoot = process.getuid?.() === 0;

/** What is wrong with the agent's files, the file the error must name, and what it must say. */
type Fault = (agent: TestAgent, control: ControlHost) => Promise<readonly [string, RegExp]>;

const faults: Readonly<Record<string, Fault>> = {
  "a key that others may read": async (agent) => {
    chmodSync(agent.path("agent.key"), 0o644);
    return ["agent.key", /mode 0644/];
  },
  "a key that is another's": async (agent) => {
    writeFileSync(agent.path("agent.key"), await generateKeyPem("ec"));
    return ["agent.key", /not the key of .*agent\.crt/];
  },
  "no key": async (agent) => {
    rmSync(agent.path("agent.key"));
    return ["agent.key", /no such file/];
  },
  "a cut key": async (agent) => {
    writeFileSync(agent.path("agent.key"), readFileSync(agent.path("agent.key")).subarray(0, 60));
    return ["agent.key", /not a PEM private key/];
  },
  "no certificate": async (agent) => {
    rmSync(agent.path("agent.crt"));
    return ["agent.crt", /not paired/];
  },
  "a cut certificate": async (agent) => {
    writeFileSync(agent.path("agent.crt"), readFileSync(agent.path("agent.crt")).subarray(0, 99));
    return ["agent.crt", /not a certificate/];
  },
  "a certificate of another CA": async (agent) => {
    const other = await (await Authority.create({ name: "other" })).issue("web-01");
    writeFileSync(agent.path("agent.crt"), other.cert ?? "");
    writeFileSync(agent.path("agent.key"), other.key ?? "");
    return ["agent.crt", /ca\.crt did not sign it/];
  },
  "no CA": async (agent) => {
    rmSync(agent.path("ca.crt"));
    return ["ca.crt", /no such file/];
  },
  "an empty serial file": async (agent) => {
    writeFileSync(agent.path("ctrl-exec-serial"), "");
    return ["ctrl-exec-serial", /contains no serial/];
  },
  "a revocation that cannot be read": async (agent) => {
    writeFileSync(agent.path("revoked-serials"), "0a1b\n0a1c, 0a1d\n");
    return ["revoked-serials", /line 2 is not a serial/];
  },
};

test("T09 files that cannot be used end the start with 78, and the error names the file", async () => {
  for (const [kind, spoil] of Object.entries(faults)) {
    await using control = await ControlHost.create();
    const agent = await control.addAgent("web-01");
    await agent.pair();
    const [file, problem] = await spoil(agent, control);
    const { status, err } = await agent.run("serve");
    expect([kind, err]).toEqual([kind, expect.stringContaining(agent.path(file))]);
    expect([kind, err]).toEqual([kind, expect.stringMatching(problem)]);
    expect([kind, status]).toEqual([kind, 78]);
    const check = await agent.run("self-check");
    const line = check.out.split("\n").find((text) => text.includes("FAIL"));
    expect([kind, line]).toEqual([kind, expect.stringContaining(agent.path(file))]);
    expect([kind, check.status]).toEqual([kind, 1]);
  }
});

test("self-check has a line for each check, with the remedy where it fails, and the same as JSON", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", {
    scripts: { greet: "echo hello" },
    allowlist: [UPDATE],
  });
  const good = await agent.run("self-check");
  // What self-ping's hint says is shown here.
  const serial = readFileSync(agent.path("ctrl-exec-serial"), "utf8").trim();
  expect(good.out.trimEnd().split("\n")).toEqual([
    `OK    ${agent.config}: port ${agent.port}`,
    "OK    allowed_ips: not set: every address may connect",
    expect.stringMatching(/^OK {4}\S+agent\.crt: web-01, expires \w+ +\d+ [\d:]+ \d+ GMT$/),
    `OK    ${agent.path("agent.key")}: fits ${agent.path("agent.crt")}, closed to other users`,
    expect.stringMatching(/^OK {4}\S+ca\.crt: signed \S+agent\.crt, expires /),
    `OK    ${agent.path("ctrl-exec-serial")}: the control host's serial: ${serial}`,
    `OK    ${agent.path("revoked-serials")}: no such file, 0 revoked`,
    `OK    ${agent.path("scripts.conf")}: 2 scripts`,
    `OK    script greet: ${agent.path("scripts/greet.sh")}`,
    `OK    script update-ctrl-exec-serial: ${programPath("update-ctrl-exec-serial")}`,
  ]);
  expect(good.status).toBe(0);

  const plain = control.folder.write("web-01/scripts/plain.sh", "#!/bin/sh\n", 0o644);
  const open = control.folder.write("web-01/scripts/open.sh", "#!/bin/sh\n", 0o777);
  const away = control.folder.script("elsewhere/away.sh", "");
  mkdirSync(agent.path("scripts/folder"));
  agent.writeConfig([
    "allowed_ips = 127.0.0.1, nonsense",
    `script_dirs = ${agent.path("scripts")}`,
    "auth_hook = /nonexistent/hook",
    "colour = blue",
  ]);
  agent.writeAllowlist([
    `plain = ${plain}`,
    `open = ${open}`,
    `folder = ${agent.path("scripts/folder")}`,
    `away = ${away}`,
    "missing = /nonexistent/x",
    "bad name = /bin/true",
  ]);
  writeFileSync(agent.path("revoked-serials"), "abc\nnot a serial\n");
  const bad = await agent.run("self-check", ["--json"]);
  expect(bad.status).toBe(1);
  const { ok, checks } = JSON.parse(bad.out) as {
    ok: number;
    checks: { name: string; ok: boolean; detail: string; remedy?: string }[];
  };
  expect(ok).toBe(0);
  const failing = checks.filter((check) => !check.ok);
  expect(failing.map(({ name }) => name)).toEqual([
    agent.config,
    "allowed_ips",
    agent.path("revoked-serials"),
    agent.path("scripts.conf"),
    "script plain",
    "script open",
    "script folder",
    "script away",
    "script missing",
    "auth_hook",
  ]);
  expect(failing.filter(({ remedy }) => remedy === undefined)).toEqual([]);
  expect(failing.map(({ detail }) => detail).join("\n")).toContain("colour: unknown key on line");
  expect(failing.find(({ name }) => name === "script plain")?.remedy).toBe(`chmod +x ${plain}`);
  expect(failing.find(({ name }) => name === "script folder")).toMatchObject({
    detail: `${agent.path("scripts/folder")} is not a file`,
    remedy: "name the program itself",
  });
  expect(failing.find(({ name }) => name === "script open")?.remedy).toBe(`chmod go-w ${open}`);
});

test("a revocation file that agent.conf names must be there for self-check, and its lack is an error in the log", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", { logsToSocket: true, allowlist: [UPDATE] });
  await agent.pair();
  const file = agent.path("lists/revoked");
  agent.writeConfig([`revoked_serials = ${file}`]);
  const failing = async () => (await failures(agent)).lines;
  expect(await failing()).toEqual([
    `FAIL  ${file}: no such file, although agent.conf names it; create it, empty when nothing is revoked: touch ${file}`,
  ]);
  await agent.serve();
  expect(control.log.of("revoked-serials-absent")).toMatchObject([{ priority: 27 }]);
  control.folder.write("web-01/lists/revoked", "");
  expect(await failing()).toEqual([]);
});

async function failures(agent: TestAgent) {
  const { out, status } = await agent.run("self-check");
  const lines = out
    .split("\n")
    .filter((line) => line.startsWith("FAIL") && !line.includes("script greet"));
  return { lines, status };
}

/** What a starting agent logs of its files: key and message. */
function warnings({ err }: Running): (string | undefined)[][] {
  return [...err.matchAll(/ACTION=config-warn KEY=(\S+) MSG="([^"]*)"/g)]
    .map(([, key, message]) => [key, message])
    .filter(([key]) => key !== "greet");
}

test("self-check and the log tell of configuration that others can write, with the chmod", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", {
    scripts: { greet: "echo hello" },
    allowlist: [UPDATE],
  });
  await agent.pair();
  const files = ["agent.conf", "scripts.conf", "ca.crt", "ctrl-exec-serial"].map((name) =>
    agent.path(name),
  );
  for (const file of files) chmodSync(file, 0o664);
  const faults = files.map((file) => `can be written by its group (mode 0664); chmod go-w ${file}`);
  expect(await failures(agent)).toEqual({
    lines: files.map((file, index) => `FAIL  ${file}: it ${faults[index]}`),
    status: 1,
  });
  const serving = await agent.serve();
  const keys = ["agent.conf", "scripts.conf", "ca", "dispatcher_serial_path"];
  expect(warnings(serving)).toEqual(
    keys.map((key, index) => [key, `${files[index]} ${faults[index]}`]),
  );
});

test("T13 a folder of agent.conf that its group may write fails self-check, and the log has it", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", {
    scripts: { greet: "echo hello" },
    allowlist: [UPDATE],
  });
  await agent.pair();
  const folder = dirname(agent.config);
  chmodSync(folder, 0o2775);
  const fault = "can be written by its group (mode 2775); run install.sh --agent again";
  // Once, and not for each file in it.
  expect(await failures(agent)).toEqual({ lines: [`FAIL  ${folder}: it ${fault}`], status: 1 });
  const serving = await agent.serve();
  expect(warnings(serving)).toEqual([["agent.conf", `${folder} ${fault}`]]);
});

test("T62 what every user can write decides nothing: the agent does not start, or keeps what it had", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", {
    scripts: { greet: "echo hello" },
    allowlist: [UPDATE],
  });
  await agent.pair();
  const open = [
    [dirname(agent.config), agent.config],
    [agent.config, agent.config],
    [agent.path("scripts.conf"), agent.path("scripts.conf")],
  ] as const;
  const serving = await agent.serve();
  for (const [writable, refused] of open) {
    const mode = statSync(writable).mode & 0o7777;
    chmodSync(writable, 0o777);
    const problem = new RegExp(
      `Cannot use ${refused}: .* can be written by others \\(mode 0777\\)`,
    );
    serving.child.kill("SIGHUP");
    await serving.seen(new RegExp(`ACTION=reload-fail .*${problem.source}`));
    const again = await agent.run("serve");
    expect(again.err).toMatch(problem);
    const bits = writable === dirname(agent.config) ? "o-w" : "go-w";
    expect(again.err).toContain(`chmod ${bits} ${writable}\n`);
    expect(again.status).toBe(78);
    expect((await failures(agent)).status).toBe(1);
    chmodSync(writable, mode);
  }
  expect((await control.run("run", ["web-01", "greet"])).status).toBe(0);
});

test("T62 a key that the group can write fails self-check, and the log has it", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", { allowlist: [UPDATE] });
  await agent.pair();
  const key = agent.path("agent.key");
  chmodSync(key, 0o660);
  const fault = `can be written by its group (mode 0660); chmod go-w ${key}`;
  expect((await failures(agent)).lines).toEqual([`FAIL  ${key}: it ${fault}`]);
  expect(warnings(await agent.serve())).toEqual([["key", `${key} ${fault}`]]);
});

test("T13 self-check and the log say when the agent could not replace its certificate and serial", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", {
    scripts: { greet: "echo hello" },
    allowlist: [UPDATE],
  });
  await agent.pair();
  const folder = dirname(agent.config);
  const held = agent.path("held");
  const names = ["agent.crt", "ctrl-exec-serial"] as const;
  const expected = (place: string) =>
    names.map((name) => {
      const path = agent.path(name);
      return `the agent's user cannot replace ${path}: it may not write in ${place}; run install.sh --agent again`;
    });
  const linesFor = (place: string) =>
    expected(place).map((fault, index) => `FAIL  ${agent.path(names[index] ?? "")}: ${fault}`);

  // As root the question is what the group of agent.conf's folder may; else what we may ourselves.
  if (asRoot) chownSync(folder, 0, 980);
  chmodSync(folder, asRoot ? 0o2755 : 0o555);
  expect(await failures(agent)).toEqual({ lines: linesFor(folder), status: 1 });
  chmodSync(folder, 0o2755);

  mkdirSync(held);
  for (const name of names) {
    renameSync(agent.path(name), join(held, name));
    symlinkSync(`held/${name}`, agent.path(name));
  }
  if (asRoot) chownSync(held, 0, 980);
  chmodSync(held, asRoot ? 0o2751 : 0o555);
  expect(await failures(agent)).toEqual({ lines: linesFor(`${folder}/held`), status: 1 });
  const serving = await agent.serve();
  expect(warnings(serving).map(([, message]) => message)).toEqual(expected(`${folder}/held`));
  chmodSync(held, 0o2771);
  expect(await failures(agent)).toEqual({ lines: [], status: 0 });
  if (asRoot) {
    chownSync(held, 0, 981);
    expect((await failures(agent)).lines).toEqual(linesFor(`${folder}/held`));
  }
});

test("self-check by somebody who may not read the certificate names the user, not a new pairing", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  await agent.pair();
  // Root may read everything, so it is somebody else then.
  const stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  if (asRoot) {
    chownSync(dirname(agent.config), 0, 980);
    chmodSync(dirname(agent.config), 0o2775);
  } else chmodSync(agent.path("agent.crt"), 0);
  // The checkout may lie where he may not go.
  const program = control.folder.join("ctrl-exec-agent");
  copyFileSync(programPath("ctrl-exec-agent"), program);
  const check = [program, "self-check", "--config", agent.config];
  const { status, out } = await runCommand([...(asRoot ? stranger : []), ...check]);
  expect(status).toBe(1);
  const [line] = out.split("\n").filter((text) => text.includes("agent.crt"));
  expect(line).toContain("permission denied");
  expect(line).toContain("Run this as root (sudo), or as the user these files belong to");
  expect(line).not.toContain("request-pairing");
  expect(out).not.toContain("cannot replace");
  // Whoever owns the files is no onlooker.
  expect(out.includes("FAIL  user: this user is neither root nor the agent's")).toBe(asRoot);
});

test("self-check judges the staged files of a pairing that was cut off, as serve uses them", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", {
    scripts: { greet: "echo hello" },
    allowlist: [UPDATE],
  });
  await agent.pair();
  const old = (name: string) => readFileSync(agent.path(name));
  const before = { key: old("agent.key"), ca: old("ca.crt") };
  await using other = await ControlHost.create();
  const again = await other.addAgent("web-01");
  await again.pair();
  // Cut off behind the rename of the certificate: key and CA are staged still.
  for (const name of ["agent.crt", "agent.key", "ca.crt"]) {
    const staged = name === "agent.crt" ? name : `${name}.next`;
    control.folder.write(`web-01/${staged}`, readFileSync(again.path(name)), 0o640);
  }
  const checked = await agent.run("self-check");
  expect(checked.out).toContain(
    `OK    ${agent.path("agent.key.next")}: fits ${agent.path("agent.crt")}`,
  );
  expect(checked.out).toContain(
    `OK    ${agent.path("ca.crt.next")}: signed ${agent.path("agent.crt")}`,
  );
  expect(checked.status).toBe(0);
  // It has only looked.
  expect({ key: old("agent.key"), ca: old("ca.crt") }).toEqual(before);

  chmodSync(agent.path("agent.key.next"), 0o644);
  const open = await agent.run("self-check");
  expect(open.out).toContain(
    `FAIL  ${agent.path("agent.key.next")}: every user of this host may open it`,
  );
  chmodSync(agent.path("agent.key.next"), 0o640);
  await agent.serve();
  const finished = await agent.run("self-check");
  expect(finished.out).toContain(`OK    ${agent.path("agent.key")}: fits`);
  expect(finished.status).toBe(0);

  // A staged key that fits nothing is one that a pairing has not come to use.
  control.folder.write("web-01/agent.key.next", before.key, 0o640);
  expect((await agent.run("self-check")).status).toBe(0);
});

test("self-check says what to do about a key, an allowlist, a hook or an agent.conf that is not there", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  await agent.pair();
  unlinkSync(agent.path("agent.key"));
  agent.writeConfig(["auth_hook = /nonexistent/hook"]);
  const { out } = await agent.run("self-check", ["--allowlist=/nonexistent/scripts.conf"]);
  expect(out).toMatch(/^FAIL .*agent\.key: no such file or folder; pair this agent: /m);
  expect(out).toMatch(/^FAIL .*scripts\.conf: no such file or folder; .*--allowlist$/m);
  expect(out).toMatch(/^FAIL {2}auth_hook: .*; put it there, or correct the line that names it$/m);

  unlinkSync(agent.config);
  const none = await agent.run("self-check");
  expect(none.out).toMatch(
    /^FAIL .*agent\.conf: no such file or folder\. Put it there .*--config\./,
  );
  const serve = await agent.run("serve");
  expect(serve.err).toMatch(/agent\.conf: no such file or folder\nPut it there /);
  expect(serve.status).toBe(78);
});

test("a configuration that was named must be there, for pairing too", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  unlinkSync(agent.config);
  for (const args of [["pairing-status"], ["request-pairing", "--dispatcher=127.0.0.1"]]) {
    const [mode = "", ...rest] = args;
    const { out, err, status } = await agent.run(mode, rest);
    expect(err).toContain(`Cannot read ${agent.config}: no such file or folder\n`);
    expect(out).toBe("");
    expect(status).toBe(78);
  }
});

test("self-check says what is wrong with an agent.conf that cannot be read", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  control.folder.write("web-01/agent.conf", "port = many\n");
  const { status, out } = await agent.run("self-check");
  expect(out).toMatch(
    /^FAIL {2}agent\.conf: Cannot use .*agent\.conf: line 1: port = many: expected/,
  );
  expect(status).toBe(1);
});

test("self-ping says what it has found, and takes the 403 for a pass", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01");
  const { status, out } = await agent.run("self-ping");
  expect(out.split("\n")).toEqual([
    "Checking config...",
    `Config OK (port ${agent.port})`,
    expect.stringMatching(/^Paired: yes \(cert expires \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT\)$/),
    `Connecting to 127.0.0.1:${agent.port}...`,
    `Port ${agent.port}: listening`,
    "mTLS handshake: OK",
    "Ping response: 403 serial mismatch (expected - agent is running and enforcing policy)",
    "Self-ping complete.",
    "",
  ]);
  expect(status).toBe(0);
});

test("T63 self-ping fails when nothing listens; no agent obeys its own certificate, whatever serial it stores", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01");
  const { out } = await agent.run("pairing-status", ["--json"]);
  writeFileSync(agent.path("ctrl-exec-serial"), JSON.parse(out).serial);
  const refused = await agent.run("self-ping");
  expect(refused.out).toContain("403 serial mismatch");
  expect(refused.status).toBe(0);
  await agent.stop();
  const down = await agent.run("self-ping");
  expect(down.err).toContain("connection refused");
  expect(down.status).toBe(1);
});

test("pairing-status answers any user, and names what that user may not read", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  // Root may read everything, so it is somebody else then. The checkout may lie where he may not go.
  const stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const program = control.folder.join("ctrl-exec-agent");
  copyFileSync(programPath("ctrl-exec-agent"), program);
  const ask = async (...args: readonly string[]) => {
    const command = [program, "pairing-status", "--config", agent.config, ...args];
    return await runCommand([...(asRoot ? stranger : []), ...command]);
  };
  const remedy = "Run this as root (sudo), or as the user these files belong to.\n";

  expect(await ask()).toMatchObject({ status: 1, out: "Paired: no\n", err: "" });
  await agent.pair();
  const cert = agent.path("agent.crt");
  chmodSync(cert, 0);
  const unread = `Cannot read ${cert}: permission denied\n`;
  const yes = { status: 0, out: "Paired: yes\n" };
  expect(await ask()).toMatchObject({ ...yes, err: `${unread}${remedy}` });
  const json = await ask("--json");
  expect(JSON.parse(json.out)).toEqual({
    ok: 1,
    paired: true,
    unread: [expect.stringContaining(`Cannot read ${cert}: permission denied`)],
  });

  // Nor the configuration: then its certificate is taken to be where it usually is.
  chmodSync(agent.config, 0);
  const instead =
    `Cannot read ${agent.config}: permission denied\n${unread}` +
    `Looked at the usual certificate instead: ${cert}\n`;
  expect(await ask()).toMatchObject({ ...yes, err: `${instead}${remedy}` });
  unlinkSync(cert);
  expect(await ask()).toMatchObject({ status: 1, out: "Paired: no\n" });

  // Nor anything at all.
  chmodSync(agent.path("."), 0);
  const hidden = await ask();
  const hiddenJson = await ask("--json");
  chmodSync(agent.path("."), 0o755);
  expect(hidden).toMatchObject({ status: 1, out: "Paired: unknown\n" });
  expect(hidden.err).toContain(remedy);
  expect(JSON.parse(hiddenJson.out)).toMatchObject({ ok: 1, paired: null });
});

test("self-ping that allowed_ips keeps out names the entry that lacks", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { config: ["allowed_ips = 192.0.2.1"] });
  const { status, err } = await agent.run("self-ping");
  expect(status).toBe(1);
  expect(err).toBe(
    `ctrl-exec-agent: Cannot self-ping: allowed_ips in ${agent.config} leaves out 127.0.0.1, and the agent hangs up\n` +
      "Add 127.0.0.1 to allowed_ips and reload the agent. The control host is not affected.\n",
  );
  await agent.stop();
  expect((await agent.run("self-ping")).err).toContain("connection refused");
});

test("pairing-status --json says until when", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  const before = await agent.run("pairing-status", ["--json"]);
  expect([before.status, JSON.parse(before.out)]).toEqual([1, { ok: 1, paired: false }]);
  await agent.pair();
  const after = await agent.run("pairing-status", ["--json"]);
  expect(after.status).toBe(0);
  expect(JSON.parse(after.out)).toMatchObject({
    ok: 1,
    paired: true,
    hostname: "web-01",
    cert_expiry: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    serial: expect.stringMatching(/^[0-9a-f]+$/),
  });
});

test("self-check fails scripts and a hook that could not start", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", { scripts: { good: "exit 0" } });
  await agent.pair();
  const bare = control.folder.write("bare.sh", "echo hello\n", 0o755);
  const crlf = control.folder.write("crlf.sh", "#!/bin/sh\r\necho hello\r\n", 0o755);
  const gone = control.folder.write("gone.sh", "#!/nonexistent/perl\n", 0o755);
  agent.writeAllowlist([
    UPDATE,
    `good = ${agent.path("scripts/good.sh")}`,
    `bare = ${bare}`,
    `crlf = ${crlf}`,
    `gone = ${gone}`,
  ]);
  agent.writeConfig([`auth_hook = ${crlf}`]);
  const { out, status } = await agent.run("self-check");
  expect(status).toBe(1);
  expect(out).toMatch(/^OK {4}script good: /m);
  expect(out).toMatch(
    /^FAIL {2}script bare: .* it has no #! line and is no program; begin it with /m,
  );
  expect(out).toMatch(/^FAIL {2}script crlf: .*CRLF.*; sed -i 's\/\\r\$\/\/' .*crlf\.sh$/m);
  expect(out).toMatch(/^FAIL {2}script gone: .*missing: \/nonexistent\/perl; install /m);
  expect(out).toMatch(/^FAIL {2}auth_hook: .*CRLF/m);
});

test("a mistyped option of a script is named by self-check and in the log", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { scripts: { good: "exit 0" } });
  const path = agent.path("scripts/good.sh");
  const equal = control.folder.script("with blank=3", "exit 0");
  agent.writeAllowlist([UPDATE, `slip = ${path} timeot=3`, `equal = ${equal}`]);
  agent.serving.child.kill("SIGHUP");
  await agent.serving.seen(/ACTION=config-warn ENTRY=slip MSG=".*did you mean timeout=\?"/);
  const { out } = await agent.run("self-check");
  expect(out).toMatch(/^FAIL {2}script slip: .*did you mean timeout=\?; correct the line /m);
  expect(out).toMatch(/^OK {4}script equal: /m);
});
