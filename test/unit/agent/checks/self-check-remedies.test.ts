/** Every check of self-check, as it is and as it is not. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import { fileFaults, warningsOf } from "../../../../src/agent/checks/config-files.ts";
import { checkAgent } from "../../../../src/agent/checks/self-check.ts";
import type { Check } from "../../../../src/core/check.ts";
import type { AgentConfig } from "../../../../src/core/config/agent-config.ts";
import { addDays, opensslTime } from "../../../../src/core/time.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";

const asRoot = process.getuid?.() === 0;
const NAME = "update-ctrl-exec-serial";

let fleet: LocalFleet;
let agent: LocalAgent;
let pair: string;
beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01", { updateScript: null });
  await agent.stop();
  pair = `pair this agent: ctrl-exec-agent request-pairing --dispatcher <control-host> --config ${agent.config.file}`;
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

const check = (
  change: Partial<AgentConfig> = {},
  {
    now = fleet.now,
    scripts = agent.path("scripts.conf"),
    warnings = [] as { key: string; message: string }[],
  } = {},
) => checkAgent({ ...agent.config, ...change }, warnings, scripts, now);

const of = (checks: readonly Check[], name: string) => checks.filter((one) => one.name === name);

/** While a file says something else. */
async function whileFile(path: string, text: string | undefined, work: () => Promise<void>) {
  const before = readFileSync(path);
  try {
    if (text === undefined) rmSync(path);
    else await Bun.write(path, text);
    await work();
  } finally {
    await Bun.write(path, before);
  }
}

test("an agent with which nothing is wrong", async () => {
  const { cert, key, ca, file, port, dispatcher_serial_path, revoked_serials } = agent.config;
  const { notAfter } = readCertificate(readFileSync(cert, "utf8"), cert);
  const authority = readCertificate(readFileSync(ca, "utf8"), ca);
  const serial = readFileSync(dispatcher_serial_path, "utf8").trim();
  expect(await check()).toEqual([
    { name: file, ok: true, detail: `port ${port}` },
    { name: "allowed_ips", ok: true, detail: "not set: every address may connect" },
    { name: cert, ok: true, detail: `web-01, expires ${opensslTime(notAfter)}` },
    { name: key, ok: true, detail: `fits ${cert}, closed to other users` },
    { name: ca, ok: true, detail: `signed ${cert}, expires ${opensslTime(authority.notAfter)}` },
    { name: dispatcher_serial_path, ok: true, detail: `the control host's serial: ${serial}` },
    { name: revoked_serials, ok: true, detail: "no such file, 0 revoked" },
    { name: agent.path("scripts.conf"), ok: true, detail: "1 scripts" },
    { name: "script count", ok: true, detail: agent.path("count.sh") },
    {
      name: `script ${NAME}`,
      ok: true,
      detail: "not listed: the agent itself stores a new serial",
    },
  ]);
});

describe("what is wrong is reported with its remedy:", () => {
  test("settings", async () => {
    const warnings = [
      { key: "prot", message: "unknown" },
      { key: "x", message: "odd" },
    ];
    const { file } = agent.config;
    expect(of(await check({}, { warnings }), file)).toEqual([
      { name: file, ok: false, detail: "prot: unknown; x: odd", remedy: "correct or remove prot" },
    ]);
  });

  test("allowed addresses", async () => {
    const found = async (allowed_ips: string[]) => of(await check({ allowed_ips }), "allowed_ips");
    expect(await found(["10.0.0.1", "10.0.0.0/8"])).toEqual([
      { name: "allowed_ips", ok: true, detail: "2 entries" },
    ]);
    expect(await found(["10.0.0.1", "x", "y"])).toEqual([
      {
        name: "allowed_ips",
        ok: false,
        detail: '"x" is not an address or prefix; "y" is not an address or prefix',
        remedy: "correct the entry in agent.conf",
      },
    ]);
    expect(await found(["x"])).toMatchObject([
      {
        ok: false,
        detail: expect.stringContaining("no valid entry"),
        remedy: expect.stringContaining("List"),
      },
    ]);
  });

  test("certificates whose time has not come, or is over", async () => {
    const { cert, ca } = agent.config;
    const own = readCertificate(readFileSync(cert, "utf8"), cert);
    const at = async (now: Date) => of(await check({}, { now }), cert)[0];
    expect(await at(addDays(own.notBefore, -1))).toEqual({
      name: cert,
      ok: false,
      detail: `not valid before ${opensslTime(own.notBefore)}`,
      remedy: "set this host's clock: it says an earlier time",
    });
    for (const moment of [own.notBefore, own.notAfter]) expect((await at(moment))?.ok).toBe(true);
    expect(await at(addDays(own.notAfter, 1))).toEqual({
      name: cert,
      ok: false,
      detail: `expired ${opensslTime(own.notAfter)}`,
      remedy: pair,
    });
    const { notAfter } = readCertificate(readFileSync(ca, "utf8"), ca);
    const later = of(await check({}, { now: addDays(notAfter, 1) }), ca);
    expect(later).toEqual([
      { name: ca, ok: false, detail: `expired ${opensslTime(notAfter)}`, remedy: pair },
    ]);
    expect(of(await check({}, { now: notAfter }), ca)[0]?.ok).toBe(true);
  });

  test("an identity of which a part is missing, or another's", async () => {
    const { cert, key, ca } = agent.config;
    await whileFile(cert, "none", async () => {
      const [certificate, ...others] = of(await check(), cert);
      expect(certificate).toMatchObject({ ok: false, remedy: pair });
      expect(others).toEqual([]);
      expect(of(await check(), key)).toEqual([]);
    });
    await whileFile(ca, "none", async () => {
      expect(of(await check(), ca)).toMatchObject([{ ok: false, remedy: pair }]);
      expect(of(await check(), key)).toMatchObject([{ ok: true }]);
    });
    await using other = await LocalFleet.create();
    await whileFile(ca, readFileSync(other.controller.config.ca, "utf8"), async () => {
      expect(of(await check(), ca)).toEqual([
        { name: ca, ok: false, detail: `did not sign ${cert}`, remedy: pair },
      ]);
    });
    await whileFile(key, "none", async () => {
      expect(of(await check(), key)).toMatchObject([{ ok: false, remedy: pair }]);
    });
    await whileFile(key, undefined, async () => {
      expect(of(await check(), key)).toMatchObject([{ ok: false, remedy: pair }]);
    });
    chmodSync(key, 0o644);
    expect(of(await check(), key)).toMatchObject([
      { ok: false, remedy: `Make it private: chmod o= ${key}` },
    ]);
    chmodSync(key, 0o640);
  });

  test("the control host's serial", async () => {
    const { dispatcher_serial_path: name } = agent.config;
    await whileFile(name, undefined, async () => {
      expect(of(await check(), name)).toEqual([
        { name, ok: false, detail: "no such file: nobody is trusted", remedy: pair },
      ]);
    });
    await whileFile(name, "what", async () => {
      expect(of(await check(), name)).toEqual([
        { name, ok: false, detail: `Cannot use ${name}: it contains no serial`, remedy: pair },
      ]);
    });
  });

  test("revocations", async () => {
    const revoked_serials = agent.path("revoked");
    const found = async () =>
      of(await check({ revoked_serials, namesRevocationFile: true }), revoked_serials)[0];
    expect(await found()).toEqual({
      name: revoked_serials,
      ok: false,
      detail: "no such file, although agent.conf names it",
      remedy: `create it, empty when nothing is revoked: touch ${revoked_serials}`,
    });
    fleet.folder.write("web-01/revoked", "0a\n0b\n");
    expect(await found()).toEqual({ name: revoked_serials, ok: true, detail: "2 revoked" });
    fleet.folder.write("web-01/revoked", "what\n");
    expect(await found()).toMatchObject({ ok: false, detail: expect.stringContaining("line 1") });
    rmSync(revoked_serials);
  });

  test("scripts", async () => {
    const scripts = fleet.folder.join("other.conf");
    const name = (script: string) => `script ${script}`;
    expect(await check({}, { scripts })).toContainEqual({
      name: scripts,
      ok: false,
      detail: `Cannot read ${scripts}: no such file or folder`,
      remedy: "put scripts.conf there, or name another with --allowlist",
    });
    const bad = fleet.folder.write("bad.sh", "#!/bin/sh\n", 0o644);
    fleet.folder.write(
      "other.conf",
      `bad = ${bad}\nslip = /no/such timeuot=5\nnone = /no/such\nworse\n`,
    );
    const checks = await check({}, { scripts });
    expect(of(checks, scripts)).toEqual([
      {
        name: scripts,
        ok: false,
        detail: 'worse: line 4 skipped: expected "name = /absolute/path"',
        remedy: "correct or remove the entry",
      },
    ]);
    expect(of(checks, name("bad"))).toEqual([
      {
        name: name("bad"),
        ok: false,
        detail: `${bad} is not executable`,
        remedy: `chmod +x ${bad}`,
      },
    ]);
    expect(of(checks, name("slip"))).toEqual([
      {
        name: name("slip"),
        ok: false,
        detail:
          "there is no file /no/such timeuot=5, and timeuot is not an option; did you mean timeout=?",
        remedy: "correct the line in scripts.conf",
      },
    ]);
    expect(of(checks, name("none"))).toMatchObject([
      { ok: false, remedy: "put it there, or correct the line that names it" },
    ]);
  });

  test("the hook", async () => {
    const found = async (auth_hook: string) => of(await check({ auth_hook }), "auth_hook");
    const good = fleet.folder.script("hook", "exit 0");
    expect(await found(good)).toEqual([{ name: "auth_hook", ok: true, detail: good }]);
    const odd = fleet.folder.write("odd", "exit 0\n", 0o755);
    expect(await found(odd)).toMatchObject([
      {
        ok: false,
        detail: expect.stringContaining("no #! line"),
        remedy: expect.stringContaining("#!/bin/sh"),
      },
    ]);
    const closed = fleet.folder.write("closed", "#!/bin/sh\n", 0o644);
    expect(await found(closed)).toEqual([
      {
        name: "auth_hook",
        ok: false,
        detail: `${closed} is not executable`,
        remedy: `chmod +x ${closed}`,
      },
    ]);
  });
});

describe("files that others could change", () => {
  const faults = (onlooker = false) =>
    fileFaults(agent.config, agent.path("scripts.conf"), onlooker);
  const INSTALL = "run install.sh --agent again";

  test("are none at first", () => {
    expect(faults()).toEqual([]);
  });

  test("in their folder are one fault, which the installer repairs", async () => {
    const path = dirname(agent.config.file);
    chmodSync(path, 0o777);
    const problem = `${path} can be written by its group and others (mode 0777)`;
    const found = faults();
    expect(found).toEqual([{ key: "agent.conf", path, problem, remedy: INSTALL }]);
    expect(warningsOf(found)).toEqual([{ key: "agent.conf", message: `${problem}; ${INSTALL}` }]);
    expect(of(await check(), path)).toEqual([
      { name: path, ok: false, detail: problem, remedy: INSTALL },
    ]);
    chmodSync(path, 0o755);
  });

  test.each([
    ["agent.conf", "agent.conf", "agent.conf"],
    ["scripts.conf", "scripts.conf", "scripts.conf"],
    ["key", "agent.key", "agent.key"],
    ["ca", "ca.crt", "ca.crt"],
    ["dispatcher_serial_path", "ctrl-exec-serial", "ctrl-exec-serial"],
  ])("%s", (key, name) => {
    const path = agent.path(name);
    const { mode } = statSync(path);
    for (const [bits, writers] of [
      [0o660, "its group"],
      [0o606, "others"],
    ] as const) {
      chmodSync(path, bits);
      expect(faults()).toEqual([
        {
          key,
          path,
          problem: `${path} can be written by ${writers} (mode 0${bits.toString(8)})`,
          remedy: `chmod go-w ${path}`,
        },
      ]);
    }
    chmodSync(path, mode & 0o777);
  });

  if (asRoot)
    test("of another user", () => {
      const path = agent.config.file;
      chownSync(path, 12_345, 0);
      expect(faults()).toEqual([
        {
          key: "agent.conf",
          path,
          problem: `${path} belongs to user 12345, who could replace it`,
          remedy: `chown root ${path}`,
        },
      ]);
      chownSync(path, 0, 0);
    });

  if (asRoot)
    test("and those that the agent's user must be able to replace", () => {
      // The service's group is that of the folder of agent.conf.
      const folder = dirname(agent.config.file);
      chownSync(folder, 0, 12_345);
      const [cert, serial] = [agent.config.cert, agent.config.dispatcher_serial_path];
      const told = (key: string, path: string, where: string) => ({
        key,
        path,
        problem: `the agent's user cannot replace ${path}: it may not write in ${where}`,
        remedy: INSTALL,
      });
      const both = [told("cert", cert, folder), told("dispatcher_serial_path", serial, folder)];
      expect(faults()).toEqual(both);
      expect(faults(true)).toEqual(both);
      const held = fleet.folder.write("held/x", "").slice(0, -2);
      renameSync(cert, `${held}/agent.crt`);
      symlinkSync(`${held}/agent.crt`, cert);
      expect(faults()).toEqual([
        told("cert", cert, held),
        told("dispatcher_serial_path", serial, folder),
      ]);
      chownSync(held, 0, 12_345);
      for (const [mode, isGood] of [
        [0o770, true],
        [0o760, false],
        [0o750, false],
      ] as const) {
        chmodSync(held, mode);
        expect(faults().map(({ key }) => key)).toEqual(
          isGood ? ["dispatcher_serial_path"] : ["cert", "dispatcher_serial_path"],
        );
      }
      rmSync(cert);
      renameSync(`${held}/agent.crt`, cert);
      chownSync(folder, 0, 0);
      expect(faults()).toEqual([]);
    });

  test("in folders that are not there cannot be replaced, as far as one sees", () => {
    const config = { ...agent.config, cert: fleet.folder.join("none/agent.crt") };
    const scripts = agent.path("scripts.conf");
    expect(fileFaults(config, scripts).map(({ key }) => key)).toEqual(["cert"]);
    // To an onlooker, what an ordinary user owns is nobody's of the service.
    const seen = asRoot ? [] : ["dispatcher_serial_path"];
    expect(fileFaults(config, scripts, true).map(({ key }) => key)).toEqual(seen);
  });
});
