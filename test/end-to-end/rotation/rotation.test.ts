import { expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { maintainOnce } from "../../../src/controller/upkeep/maintenance.ts";
import { expectAnswers } from "../../support/answers.ts";
import { programPath, Running, runProgram } from "../../support/binary.ts";
import { FakeAgent, jsonAnswer } from "../../support/fake-agent.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

const UPDATE = `update-ctrl-exec-serial = ${programPath("update-ctrl-exec-serial")}`;
const AGENT = { allowlist: [UPDATE], scripts: { greet: "echo hello" } };

/** Moments of the kill, spread over the time that a whole rotation takes. */
const ROUNDS = 16;

interface SerialStatusJson {
  readonly current_serial: string;
  readonly previous_serial: string;
  readonly agents: readonly { readonly hostname: string; readonly status: string }[];
}

async function serialStatus(control: ControlHost): Promise<SerialStatusJson> {
  return JSON.parse((await control.mustRun("serial-status", ["--json"])).out);
}

test("rotate-cert tells who is there, and maintain tells the others", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  const away = await control.startAgent("db-01", AGENT);
  const before = await serialStatus(control);
  expect(before.previous_serial).toBe("");
  await away.stop();

  const rotated = await control.mustRun("rotate-cert");
  expect(rotated.out).toMatch(
    /^New serial: {7}[0-9a-f]{32}\nOld serial: {7}[0-9a-f]{32}\nOverlap expires: {2}\S+Z\nweb-01: confirmed\ndb-01: pending \(.*\)\nAgents that know the new serial: 1 of 2\n$/,
  );
  const between = await serialStatus(control);
  expect(between.previous_serial).toBe(before.current_serial);
  expect(between.agents).toMatchObject([
    { hostname: "db-01", status: "pending" },
    { hostname: "web-01", status: "current" },
  ]);
  await away.serve();
  await control.mustRun("run", ["web-01", "db-01", "greet"]);

  const maintained = JSON.parse((await control.mustRun("maintain", ["--json"])).out);
  expect(maintained).toMatchObject({ ok: 1, confirmed: ["db-01"], pending: [], problems: [] });
  await control.mustRun("ping", ["web-01", "db-01"]);
  const shown = await control.mustRun("serial-status");
  expect(shown.out).toMatch(
    /^Current serial: .*\nPrevious serial: .*\nRotated: .*\nOverlap expires: .*\n\nHOSTNAME +STATUS +CONFIRMED +SERIAL\n-+ .*\ndb-01 +current .*\nweb-01 +current .*\n$/,
  );
  expect((await control.mustRun("maintain")).out).toBe("Nothing was due.\n");
});

test("an agent of an earlier version that does not list the script is reported by name, with what to do", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("old-01");
  await agent.pair();
  const answer = { script: "update-ctrl-exec-serial", exit: -1, error: "script not permitted" };
  using _ = await FakeAgent.start(agent, (socket) => void socket.end(jsonAnswer(answer)));
  const { out } = await control.run("rotate-cert");
  expect(out).toMatch(
    /old-01: pending \(update-ctrl-exec-serial: script not permitted; .*scripts\.conf must list it/,
  );
});

test("setup-ctrl-exec over a certificate that agents know asks, and a yes costs no agent", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  const before = await serialStatus(control);
  const no = await control.run("setup-ctrl-exec", [], { input: "n\n" });
  expect(no.status).toBe(1);
  expect(no.err).toContain("registered agents that know this host by it: 1.");
  expect(no.err).toContain("Proceed? [y/N]");
  expect((await serialStatus(control)).current_serial).toBe(before.current_serial);
  const yes = await control.run("setup-ctrl-exec", [], { input: "y\n" });
  expect(yes.status).toBe(0);
  const after = await serialStatus(control);
  expect(after.previous_serial).toBe(before.current_serial);
  expect(yes.out).toContain(`Serial:       ${after.current_serial}\n`);
  await control.mustRun("run", ["web-01", "greet"]);
});

test("a rotation.json that cannot be used is reported to the person, and rotate-cert writes it again", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  await control.stopPairing();
  const file = control.folder.write("control/state/rotation.json", "[1", 0o640);
  const words = `ctrl-exec: Cannot use ${file}: not JSON\nRestore it from a backup, or rotate again, which loses no agent: ctrl-exec rotate-cert --config ${control.config}\n`;
  const shown = await control.run("serial-status");
  expect(shown.status).toBe(1);
  expect(shown.err).toBe(words);
  expect(shown.out).toMatch(/^web-01 +current /m);
  const json = await control.run("serial-status", ["--json"]);
  expect(json.status).toBe(1);
  expect(JSON.parse(json.out)).toMatchObject({
    ok: 1,
    previous_serial: "",
    problems: [expect.stringContaining(file)],
  });
  const maintained = await control.run("maintain");
  expect(maintained.status).toBe(1);
  expect(maintained.err).toContain(`Cannot use ${file}: not JSON. Restore it`);
  expect(readFileSync(file, "utf8")).toBe("[1");

  const rotated = await control.run("rotate-cert");
  expect(rotated.status).toBe(0);
  expect(rotated.err).toBe(`ctrl-exec: Cannot use ${file}: not JSON\nIt is written again.\n`);
  expect(rotated.out).toContain("web-01: confirmed\n");
  expect((await control.mustRun("serial-status")).err).toBe("");
  await control.mustRun("run", ["web-01", "greet"]);
});

test("list-agents and serial-status say the same, before maintain has written it down", async () => {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", AGENT);
  await agent.stop();
  await control.mustRun("rotate-cert");
  const path = "control/state/rotation.json";
  const rotation = JSON.parse(readFileSync(control.folder.join(path), "utf8"));
  const over = { ...rotation, overlap_expires: "2020-01-01T00:00:00Z" };
  control.folder.write(path, JSON.stringify(over), 0o640);
  const listed = async () => {
    const { out } = await control.mustRun("list-agents", ["--json"]);
    return JSON.parse(out)[0].serial_status;
  };
  expect((await serialStatus(control)).agents[0]?.status).toBe("stale");
  expect(await listed()).toBe("stale");
  // Without a credential there is nothing to compare with: the record's own word counts.
  rmSync(control.folder.join("control", "ctrl-exec.key"));
  rmSync(control.folder.join("control", "credentials"), { recursive: true });
  expect((await control.run("serial-status")).status).toBe(78);
  expect(await listed()).toBe("pending");
});

test("pairing-mode rotates what is due by itself", async () => {
  await using control = await ControlHost.create(["cert_days = 30", "cert_renewal_days = 1"]);
  await control.startAgent("web-01", AGENT);
  await control.stopPairing();
  const { current_serial } = await serialStatus(control);
  control.folder.write(
    "control/ctrl-exec.conf",
    `${readFileSync(control.config, "utf8").replace("cert_days = 30", "cert_days = 60").replace("cert_renewal_days = 1", "cert_renewal_days = 40")}`,
  );
  await control.pairingPort();
  await control.log.seen("cert-rotated");
  await until("web-01 knows it", async () => {
    const status = await serialStatus(control);
    return status.current_serial !== current_serial && status.agents[0]?.status === "current";
  });
  await control.mustRun("ping", ["web-01"]);
});

test("update-ctrl-exec-serial does nothing for whoever is not the agent", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", AGENT);
  await agent.pair();
  const file = agent.path("ctrl-exec-serial");
  const before = readFileSync(file, "utf8");
  const env = { CTRL_EXEC_AGENT_CONFIG: agent.config };
  for (const input of ["", "{}", `{"script":"greet","args":["b2"],"reqid":"","peer_ip":""}`]) {
    const { status, err } = await runProgram("update-ctrl-exec-serial", ["b2"], { env, input });
    expect(status).toBe(2);
    expect(err).toContain("no agent has called it");
  }
  const typed = await runProgram("update-ctrl-exec-serial", [], { env });
  expect([typed.status, typed.err]).toEqual([
    2,
    "update-ctrl-exec-serial: Cannot run update-ctrl-exec-serial: no agent has called it\n" +
      "List it in the agent's scripts.conf; the control host calls it at a rotation: ctrl-exec rotate-cert there.\n",
  ]);
  expect(readFileSync(file, "utf8")).toBe(before);
  expect(existsSync(`${file}.previous`)).toBe(false);
});

test("T10 kill -9 at any moment of rotate-cert: every agent is reachable, and the rotation finishes", async () => {
  await using control = await ControlHost.create();
  const hosts = ["web-01", "db-01"];
  for (const host of hosts) await control.startAgent(host, AGENT);
  const started = performance.now();
  await control.mustRun("rotate-cert");
  const wholeMs = performance.now() - started;
  let rotations = 0;
  let { current_serial } = await serialStatus(control);
  for (let round = 0; round < ROUNDS; round++) {
    const rotating = new Running("ctrl-exec", control.withSetting(["rotate-cert"]));
    await Bun.sleep((wholeMs * (round + 1)) / ROUNDS);
    await rotating.stop("SIGKILL");
    await expectAnswers(control, hosts);
    const { problems } = await maintainOnce(await control.controller());
    expect(problems).toEqual([]);
    const after = await serialStatus(control);
    expect(after.agents.map(({ status }) => status)).toEqual(["current", "current"]);
    if (after.current_serial !== current_serial) rotations += 1;
    current_serial = after.current_serial;
  }
  console.log(`kill -9 in ${ROUNDS} rotations: ${rotations} had come as far as their commit`);
  await control.mustRun("run", [...hosts, "greet"]);
}, 180_000);
