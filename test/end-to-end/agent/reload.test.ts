import { expect, test } from "bun:test";
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Authority } from "../../support/authority.ts";
import { BINARY, cleanEnvironment, programPath, Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import {
  ask,
  controllerIdentity,
  exchange,
  get,
  type Identity,
  jsonOf,
  openTls,
  post,
  statusOf,
} from "../../support/raw-agent.ts";

async function oneAgent(): Promise<[ControlHost, TestAgent, Identity]> {
  const control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { scripts: { greet: "echo hello" } });
  return [control, agent, controllerIdentity(control)];
}

/** Sends SIGHUP and waits for what the log says of it. */
async function reload(
  agent: TestAgent,
  expected: RegExp = /ACTION=reload SCRIPTS=/,
): Promise<void> {
  const before = agent.serving.err.length;
  agent.serving.child.kill("SIGHUP");
  await until(`the log has ${expected}`, () => expected.test(agent.serving.err.slice(before)));
}

async function capabilities(agent: TestAgent, good: Identity): Promise<Record<string, unknown>> {
  return jsonOf(await ask(agent.port, good, get("/capabilities")));
}

test("SIGHUP puts a changed agent.conf and scripts.conf in force; the port waits for a restart", async () => {
  const [control, agent, good] = await oneAgent();
  await using _ = control;
  const path = control.folder.script("web-01/scripts/new.sh", "echo new");
  agent.writeAllowlist([`new = ${path}`]);
  const text = `port = 1\nbind = 127.0.0.1\nrate_limit_disable = 1\n[tags]\nrole = db\n`;
  control.folder.write("web-01/agent.conf", text);
  await reload(agent);
  const found = await capabilities(agent, good);
  expect(found.scripts).toEqual([{ name: "new", path, executable: true }]);
  expect(found.tags).toEqual({ role: "db" });
  await agent.serving.seen(/ACTION=config-warn KEY=port MSG="still \d+ until a restart"/);
});

const faults: Readonly<Record<string, (control: ControlHost, agent: TestAgent) => string>> = {
  "agent.conf with a line that is none": (control) =>
    control.folder.write("web-01/agent.conf", "this is no setting\n"),
  "agent.conf with an allowed_ips without a good entry": (_, agent) => {
    agent.writeConfig(["allowed_ips = nonsense"]);
    return agent.config;
  },
  "no scripts.conf": (_, agent) => {
    rmSync(agent.path("scripts.conf"));
    return agent.path("scripts.conf");
  },
  "a cut certificate": (control) => control.folder.write("web-01/agent.crt", "-----BEGIN CERT"),
  "a key that everyone may read": (_, agent) => {
    chmodSync(agent.path("agent.key"), 0o644);
    return agent.path("agent.key");
  },
  "a serial file with something else in it": (control) =>
    control.folder.write("web-01/ctrl-exec-serial", "not a serial\n"),
  "a revocation file that is a folder": (control) => {
    control.folder.write("web-01/revoked-serials/x", "");
    return control.folder.join("web-01", "revoked-serials");
  },
  "a revocation file with a line that is not a serial": (control) =>
    control.folder.write("web-01/revoked-serials", "0a1b\nnot a serial\n"),
};
for (const [kind, spoil] of Object.entries(faults)) {
  test(`SIGHUP with ${kind} leaves the old state in force and names the file`, async () => {
    const [control, agent, good] = await oneAgent();
    await using _ = control;
    agent.writeAllowlist(["changed = /bin/true"]);
    const file = spoil(control, agent);
    await reload(agent, /ACTION=reload-fail ERROR=/);
    const lines = agent.serving.err.split("\n").filter((line) => line.includes("reload-fail"));
    expect(lines.every((line) => line.includes(file))).toBe(true);
    const { scripts } = await capabilities(agent, good);
    expect(scripts).toMatchObject([{ name: "greet", executable: true }]);
  });
}

test("serve without scripts.conf says where to get one", async () => {
  const [control, agent] = await oneAgent();
  await using _ = control;
  await agent.serving.stop();
  rmSync(agent.path("scripts.conf"));
  const { status, err } = await agent.run("serve");
  expect([status, err]).toEqual([
    78,
    `ctrl-exec-agent: Cannot read ${agent.path("scripts.conf")}: no such file or folder\n` +
      "Put it there (ctrl-exec asset scripts.conf prints an example), or name another with --allowlist.\n",
  ]);
});

test("no connection is dropped by a SIGHUP", async () => {
  const [control, agent, good] = await oneAgent();
  await using _ = control;
  const socket = openTls(agent.port, good);
  expect(statusOf(await exchange(socket, post("/ping", { reqid: "aa" })))).toBe(200);
  await reload(agent);
  const second = exchange(socket, "");
  socket.write(post("/ping", { reqid: "bb" }));
  expect(jsonOf(await second).reqid).toBe("bb");
  socket.destroy();
});

/** Replaces a file the way writeWhole does. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

test("the serial file counts without a signal, replaced or written in place", async () => {
  const [control, agent, good] = await oneAgent();
  await using _ = control;
  const file = agent.path("ctrl-exec-serial");
  const own = readFileSync(file, "utf8");
  const ping = async () => statusOf(await ask(agent.port, good, post("/ping", {})));
  for (let round = 0; round < 5; round++) {
    replace(file, "abcdef\n");
    expect(await ping()).toBe(403);
    writeFileSync(file, own);
    expect(await ping()).toBe(200);
  }
  rmSync(file);
  expect(await ping()).toBe(403);
  expect(statusOf(await ask(agent.port, good, get("/capabilities")))).toBe(403);
  await agent.serving.seen(/ACTION=capabilities-no-serial PEER=127\.0\.0\.1 REASON=/);
  // What cannot be read as a serial changes nothing, and is said once.
  writeFileSync(file, own);
  expect(await ping()).toBe(200);
  writeFileSync(file, "half a ser");
  expect([await ping(), await ping()]).toEqual([200, 200]);
  // What was said of the two stands before the line of a third.
  expect(jsonOf(await ask(agent.port, good, post("/ping", { reqid: "ead" }))).reqid).toBe("ead");
  await agent.serving.seen(/ACTION=ping .*REQID=ead/);
  expect(
    agent.serving.err.match(/ACTION=reload-fail ERROR="Cannot use .*ctrl-exec-serial/g),
  ).toHaveLength(1);
});

test("a revocation counts without a signal, in every form, for connections that are open as well", async () => {
  const [control, agent, good] = await oneAgent();
  await using _ = control;
  const stranger = await Authority.of(control).issue("web-02");
  const file = agent.path("revoked-serials");
  const serial = readFileSync(agent.path("ctrl-exec-serial"), "utf8").trim();
  const pairs = serial.match(/../g) ?? [];
  const forms = [
    serial,
    serial.toUpperCase(),
    pairs.join(":"),
    `0x${serial}`,
    `serial=${serial.toUpperCase()}`,
    BigInt(`0x${serial}`).toString(),
    `${serial} # lost with a laptop`,
    `  ${serial}\t#`,
  ];
  for (const form of forms) {
    replace(file, `# revoked\n${form}\n`);
    const outcome = await ask(agent.port, good, post("/ping", {}));
    expect([form, statusOf(outcome), jsonOf(outcome)]).toEqual([
      form,
      403,
      { error: "certificate revoked" },
    ]);
    replace(file, "");
    expect(statusOf(await ask(agent.port, good, post("/ping", {})))).toBe(200);
  }
  // Said once: who comes again and again must not fill the log (T21).
  expect(agent.serving.err.match(/ACTION=revoked-cert/g)).toHaveLength(1);
  const kept = openTls(agent.port, good);
  expect(statusOf(await exchange(kept, post("/ping", {})))).toBe(200);
  replace(file, serial);
  const outcome = exchange(kept, "");
  kept.write(post("/run", { script: "greet", args: [] }));
  expect([statusOf(await outcome), jsonOf(await outcome)]).toEqual([
    403,
    { error: "certificate revoked" },
  ]);
  expect(statusOf(await ask(agent.port, stranger, post("/ping", {})))).toBe(403);
  await agent.serving.seen(new RegExp(`ACTION=revoked-cert PEER=127.0.0.1 SERIAL=${serial}`));
});

test("a slip in the revocation file sets nobody free: neither in a running agent nor in one that starts", async () => {
  const [control, agent, good] = await oneAgent();
  await using _ = control;
  const file = agent.path("revoked-serials");
  const serial = readFileSync(agent.path("ctrl-exec-serial"), "utf8").trim();
  const ping = async () => statusOf(await ask(agent.port, good, post("/ping", {})));
  replace(file, `${serial}\n`);
  expect(await ping()).toBe(403);
  const slip = `${serial} lost with a laptop`;
  replace(file, `# revoked\n${slip}\n`);
  expect(await ping()).toBe(403);
  await agent.serving.seen(/ACTION=revoked-serials-bad ERROR=".*: line 2 is not a serial"/);
  await agent.serving.stop();
  const { status, err } = await agent.run("serve");
  expect(status).toBe(78);
  expect(err).toContain(`Cannot use ${file}: line 2 is not a serial`);
  expect(err).toContain("One serial in hex on each line; # begins a comment.");
  expect(readFileSync(file, "utf8")).toBe(`# revoked\n${slip}\n`);
});

for (const [how, command] of Object.entries({
  "ctrl-exec-agent serve": [programPath("ctrl-exec-agent"), "serve"],
  "ctrl-exec agent serve": [BINARY, "agent", "serve"],
})) {
  test(`kill -HUP $(pidof ctrl-exec-agent) finds an agent started as ${how}`, async () => {
    await using control = await ControlHost.create();
    const agent = await control.addAgent("web-01");
    await agent.pair();
    const log = control.folder.write("agent.log", "");
    const child = Bun.spawn([...command, "--config", agent.config, "--log", "stderr"], {
      stderr: Bun.file(log),
      env: cleanEnvironment(),
    });
    const logged = () => readFileSync(log, "utf8");
    await until("it serves", () => logged().includes("ACTION=start"));
    // What every pidof looks at: one of these two.
    const proc = (file: string) => readFileSync(`/proc/${child.pid}/${file}`, "utf8");
    expect(proc("comm")).toBe("ctrl-exec-agent\n");
    expect(proc("cmdline").split("\0")[0]).toEndWith("/ctrl-exec-agent");
    if (Bun.which("pidof") !== null) {
      // Other tests' agents run at the same time.
      const { stdout } = Bun.spawnSync(["pidof", "ctrl-exec-agent"], { env: cleanEnvironment() });
      expect(stdout.toString().trim().split(/\s+/)).toContain(String(child.pid));
    }
    process.kill(child.pid, "SIGHUP");
    await until("it has reloaded", () => logged().includes("ACTION=reload"));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });
}

test("SIGTERM lets a running script answer, accepts nobody new, and ends 0", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", {
    scripts: { wait: "touch $2; while ! test -e $1; do sleep 0.02; done; echo done" },
  });
  const good = controllerIdentity(control);
  const [go, begun] = [control.folder.join("go"), control.folder.join("begun")];
  const idle = openTls(agent.port, good);
  await exchange(idle, post("/ping", {}));
  const running = ask(agent.port, good, post("/run", { script: "wait", args: [go, begun] }));
  await until("the script runs", () => control.folder.has("begun"));
  agent.serving.child.kill("SIGTERM");
  await until(
    "it accepts nobody",
    async () => "failed" in (await ask(agent.port, good, post("/ping", {}))),
  );
  control.folder.write("go", "");
  expect(jsonOf(await running)).toMatchObject({ exit: 0, stdout: "done\n" });
  expect(await agent.serving.child.exited).toBe(0);
  idle.destroy();
});

test("SIGTERM waits no longer than 10 seconds for a script", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", { scripts: { slow: "touch $1; sleep 40" } });
  const begun = control.folder.join("begun");
  const good = controllerIdentity(control);
  const order = { script: "slow", args: [begun], reqid: "aa" };
  const running = ask(agent.port, good, post("/run", order));
  await until("the script runs", () => control.folder.has("begun"));
  const { serving } = agent;
  expect(await agent.stop("SIGTERM")).toBe(0);
  expect(await running).toHaveProperty("failed");
  expect(serving.err).toContain(
    'ACTION=hang-up PEER=127.0.0.1 REASON="the agent is stopping; a script that has begun goes on" REQID=aa\n',
  );
});

test("modes that do not serve outlive a SIGHUP", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01");
  const port = await control.pairingPort();
  const waiting = new Running("ctrl-exec-agent", [
    "request-pairing",
    "--hostname=web-01",
    "--dispatcher=127.0.0.1",
    `--port=${port}`,
    `--config=${agent.config}`,
    `--log=${control.log.path}`,
  ]);
  const id = await control.requestFor("web-01");
  waiting.child.kill("SIGHUP");
  await control.mustRun("approve", [id, "--lookup-by=ip"]);
  expect(await waiting.child.exited).toBe(0);
});
