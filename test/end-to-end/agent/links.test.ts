/**
 * The layout that the installer makes: certificate and serial are links to a folder in which the
 * service may write. Here one user is both; as two users they are in test/install.
 */
import { expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { programPath } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { makeDue } from "../../support/records.ts";

const NAMES = ["agent.crt", "ctrl-exec-serial"] as const;
const OPTIONS = {
  allowlist: [`update-ctrl-exec-serial = ${programPath("update-ctrl-exec-serial")}`],
  scripts: { greet: "echo hello" },
};

/** The links, before anything is paired. */
async function linkedAgent(control: ControlHost): Promise<TestAgent> {
  const agent = await control.addAgent("web-01", OPTIONS);
  mkdirSync(control.folder.join("held"), { mode: 0o770 });
  for (const name of NAMES) symlinkSync(heldBy(control, name), agent.path(name));
  return agent;
}

function heldBy(control: ControlHost, name: string): string {
  return control.folder.join("held", name);
}

const text = (path: string) => readFileSync(path, "utf8");

function expectLinks(control: ControlHost, agent: TestAgent): void {
  for (const name of NAMES) {
    expect(readlinkSync(agent.path(name))).toBe(heldBy(control, name));
    expect(lstatSync(heldBy(control, name)).isFile()).toBe(true);
  }
  expect(readdirSync(control.folder.join("held")).filter((name) => name.startsWith("."))).toEqual(
    [],
  );
}

test("a link to nothing is not paired yet, for every mode", async () => {
  await using control = await ControlHost.create();
  const agent = await linkedAgent(control);
  expect(await agent.run("pairing-status")).toMatchObject({ status: 1, out: "Paired: no\n" });
  const serve = await agent.run("serve");
  expect(serve).toMatchObject({ status: 78 });
  expect(serve.err).toContain(`Cannot read ${agent.path("agent.crt")}: this agent is not paired`);
  const check = await agent.run("self-check");
  expect(check.status).toBe(1);
  expect(check.out).toMatch(/^FAIL .*agent\.crt: .*no such file.*; pair this agent/m);
  expect(check.out).toMatch(/^FAIL .*ctrl-exec-serial: no such file: nobody is trusted/m);
});

test("pairing, rotation and renewal write where the links lead, while the agent runs", async () => {
  await using control = await ControlHost.create();
  const agent = await linkedAgent(control);
  await agent.requestPairing();
  expectLinks(control, agent);
  const modes = NAMES.map((name) => (statSync(heldBy(control, name)).mode & 0o777).toString(8));
  expect(modes).toEqual(["640", "644"]);
  await agent.serve();
  await control.mustRun("ping", ["web-01"]);

  const [certificate, serial] = NAMES.map((name) => text(agent.path(name)));
  const rotated = await control.mustRun("rotate-cert");
  expect(rotated.out).toContain("web-01: confirmed");
  expectLinks(control, agent);
  expect(text(heldBy(control, "ctrl-exec-serial"))).not.toBe(serial);
  expect((await control.mustRun("run", ["web-01", "greet"])).out).toContain("hello\n");

  makeDue(control, "web-01");
  expect(JSON.parse((await control.mustRun("maintain", ["--json"])).out)).toMatchObject({
    renewed: ["web-01"],
    not_renewed: [],
    problems: [],
  });
  expectLinks(control, agent);
  expect(text(heldBy(control, "agent.crt"))).not.toBe(certificate);
  await control.mustRun("ping", ["web-01"]);
  expect(await agent.run("self-check")).toMatchObject({ status: 0 });
  expect((await agent.run("pairing-status")).out).toStartWith("Paired: yes");
});

test("the serial before stands beside the real file, and both count from the next request on", async () => {
  await using control = await ControlHost.create();
  const agent = await linkedAgent(control);
  await agent.requestPairing();
  await agent.serve();
  const present = text(agent.path("ctrl-exec-serial"));
  // As a rotation leaves it until the first request under the new serial.
  control.folder.write("held/ctrl-exec-serial.previous", present);
  control.folder.write("held/ctrl-exec-serial", "b2\n");
  await control.mustRun("ping", ["web-01"]);
  rmSync(heldBy(control, "ctrl-exec-serial.previous"));
  control.folder.write("web-01/ctrl-exec-serial.previous", present);
  expect((await control.run("ping", ["web-01"])).status).toBe(1);
  // A file that comes by rename behind the link is noticed too.
  renameSync(agent.path("ctrl-exec-serial.previous"), heldBy(control, "ctrl-exec-serial"));
  await control.mustRun("ping", ["web-01"]);
});

test("an agent goes on while its files move behind links", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", OPTIONS);
  mkdirSync(control.folder.join("held"), { mode: 0o770 });
  for (const name of NAMES) {
    writeFileSync(heldBy(control, name), text(agent.path(name)), { mode: 0o640 });
    symlinkSync(heldBy(control, name), agent.path("new"));
    renameSync(agent.path("new"), agent.path(name));
    await control.mustRun("ping", ["web-01"]);
  }
  expect((await control.mustRun("rotate-cert")).out).toContain("web-01: confirmed");
  expectLinks(control, agent);
  agent.serving.child.kill("SIGHUP");
  await agent.serving.seen(/ACTION=reload /);
  await control.mustRun("ping", ["web-01"]);
});

test("T13 links that the service lays in its folder: pairing replaces them, nothing behind them is read", async () => {
  await using control = await ControlHost.create();
  const agent = await linkedAgent(control);
  const other = await control.addAgent("db-01");
  await other.requestPairing();
  // What would parse, had it been read: a certificate, and a line of hex.
  const certificate = other.path("agent.crt");
  const token = control.folder.write("token", "5ec4e7a1\n", 0o600);
  const targets = [
    ["agent.crt", certificate],
    ["ctrl-exec-serial", token],
    ["ctrl-exec-serial.previous", token],
  ] as const;
  const before = targets.map(([, target]) => text(target));
  const lay = () => {
    for (const [name, target] of targets) {
      rmSync(heldBy(control, name), { force: true });
      symlinkSync(target, heldBy(control, name));
    }
  };
  lay();
  for (const mode of ["pairing-status", "self-check", "self-ping", "serve"]) {
    const { status, out, err } = await agent.run(mode);
    expect([mode, status]).not.toEqual([mode, 0]);
    expect([mode, out + err]).toEqual([mode, expect.stringContaining("too many symbolic links")]);
    expect(out + err).not.toMatch(/5ec4e7a1|db-01/);
  }

  await agent.requestPairing();
  expectLinks(control, agent);
  expect(existsSync(heldBy(control, "ctrl-exec-serial.previous"))).toBe(false);
  symlinkSync(token, heldBy(control, "ctrl-exec-serial.previous"));
  expect((await agent.run("self-check")).out).toContain("too many symbolic links");
  rmSync(heldBy(control, "ctrl-exec-serial.previous"));
  await agent.serve();
  await control.mustRun("ping", ["web-01"]);
  expect(targets.map(([, target]) => text(target))).toEqual(before);
  expect(existsSync(agent.path("ctrl-exec-serial.previous"))).toBe(false);
});
