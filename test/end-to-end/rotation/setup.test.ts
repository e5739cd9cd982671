/** setup-ctrl-exec over a certificate that agents know and that cannot be used. */
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, truncateSync } from "node:fs";
import { ControlHost } from "../../support/fleet.ts";
import { contents } from "../../support/folder.ts";
import { writeOtherKey } from "../../support/other-key.ts";

const AGENT = { scripts: { greet: "echo hello" } };

/** Faults of the present credential that setup-ctrl-exec must not answer with another one. */
const mendable: readonly (readonly [string, (control: ControlHost) => void, RegExp])[] = [
  [
    "a key that others can read",
    ({ folder }) => chmodSync(folder.join("control/ctrl-exec.key"), 0o644),
    /ctrl-exec\.key: every user of this host may open it.*\nMake it private: chmod o= \S+\n$/,
  ],
  [
    "a key that cannot be read",
    ({ folder }) => {
      rmSync(folder.join("control/ctrl-exec.key"));
      mkdirSync(folder.join("control/ctrl-exec.key"));
    },
    /Cannot read \S+ctrl-exec\.key: it is a folder\n/,
  ],
  [
    "a certificate that cannot be read",
    ({ folder }) => {
      rmSync(folder.join("control/ctrl-exec.crt"));
      mkdirSync(folder.join("control/ctrl-exec.crt"));
    },
    /Cannot read \S+ctrl-exec\.crt: it is a folder\n/,
  ],
  [
    "a CA that is cut",
    ({ folder }) => truncateSync(folder.join("control/ca.crt"), 60),
    /Cannot read \S+ca\.crt: not a certificate \(its CERTIFICATE has no end\)\n/,
  ],
  [
    "a CA that is missing",
    ({ folder }) => rmSync(folder.join("control/ca.crt")),
    /Cannot read \S+ca\.crt: no such file or folder\n/,
  ],
  [
    "a copy in credentials/ that others can read",
    ({ folder }) => folder.write("control/credentials/0a.pem", "", 0o644),
    /credentials\/0a\.pem: every user of this host may open it/,
  ],
  [
    "a copy in credentials/ that is cut",
    ({ folder }) => folder.write("control/credentials/0a.pem", "-----BEGIN", 0o600),
    /credentials\/0a\.pem: not a certificate/,
  ],
  [
    "a rotation.json that cannot be read",
    ({ folder }) => mkdirSync(folder.join("control/state/rotation.json")),
    /Cannot read \S+rotation\.json: it is a folder\n/,
  ],
];
for (const [name, harm, words] of mendable) {
  test(`T09 setup-ctrl-exec over ${name}: the fault and its remedy, exit 78, nothing changed`, async () => {
    await using control = await ControlHost.create();
    await (await control.addAgent("web-01", AGENT)).pair();
    await control.stopPairing();
    harm(control);
    const before = contents(control.folder.join("control"));
    const { status, out, err } = await control.run("setup-ctrl-exec", ["--yes"]);
    expect(err).toMatch(words);
    expect(err).not.toContain("paired again");
    expect(out).toBe("");
    expect(status).toBe(78);
    expect(contents(control.folder.join("control"))).toEqual(before);
  });
}

const lost: readonly (readonly [string, (path: string) => void | Promise<void>])[] = [
  ["a missing certificate", (path) => rmSync(`${path}.crt`)],
  ["a missing key", (path) => rmSync(`${path}.key`)],
  ["a cut certificate", (path) => truncateSync(`${path}.crt`, 60)],
  ["a cut key", (path) => truncateSync(`${path}.key`, 60)],
  ["a key of another certificate", (path) => writeOtherKey(`${path}.key`)],
];
for (const [name, harm] of lost) {
  test(`setup-ctrl-exec over ${name} says what it costs, asks, and takes a new pairing`, async () => {
    await using control = await ControlHost.create();
    const agent = await control.addAgent("web-01", AGENT);
    await agent.pair();
    await control.stopPairing();
    await harm(control.folder.join("control", "ctrl-exec"));
    const before = contents(control.folder.join("control"));
    const no = await control.run("setup-ctrl-exec", [], { input: "n\n" });
    expect(no.status).toBe(1);
    expect(no.err).toContain("Registered agents that know this host by the lost one: 1.");
    expect(no.err).toContain("each must be paired again");
    expect(contents(control.folder.join("control"))).toEqual(before);
    await control.mustRun("setup-ctrl-exec", ["--yes"]);
    await agent.pair();
    await agent.serve();
    await control.mustRun("run", ["web-01", "greet"]);
  });
}

test("T30 of two setup-ca at once one makes the CA, and it can sign", async () => {
  await using control = await ControlHost.create(["key_type = rsa4096"]);
  for (const file of ["ca.key", "ca.crt"]) rmSync(control.folder.join("control", file));
  const both = await Promise.all([control.run("setup-ca"), control.run("setup-ca")]);
  expect(both.map(({ status }) => status).sort()).toEqual([0, 1]);
  expect(both.map(({ err }) => err).join("")).toMatch(
    /Cannot create a CA: \S+ca\.crt exists already/,
  );
  await control.mustRun("setup-ctrl-exec");
});

test("T09 a CA key of another CA signs nothing: a rotation fails, and the fleet stays within reach", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  await control.stopPairing();
  await writeOtherKey(control.folder.join("control", "ca.key"));
  const before = contents(control.folder.join("control"));
  for (const mode of ["rotate-cert", "setup-ctrl-exec"]) {
    const { status, err } = await control.run(mode, [], { input: "y\n" });
    expect(err).toMatch(/Cannot use \S+ca\.key: it is not the key of \S+ca\.crt\n/);
    expect(status).toBe(78);
  }
  expect(contents(control.folder.join("control"))).toEqual(before);
  await control.mustRun("run", ["web-01", "greet"]);
});

test("maintain says what to do about what it could not do", async () => {
  await using control = await ControlHost.create();
  rmSync(control.folder.join("control/ctrl-exec.crt"));
  const { err, status } = await control.run("maintain");
  expect(err).toMatch(
    /^ctrl-exec: Cannot read .*ctrl-exec\.crt: .*\. Set this control host up first: /,
  );
  expect(status).toBe(78);
});
