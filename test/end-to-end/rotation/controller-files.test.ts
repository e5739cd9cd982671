/** What the control host's own files may do to it. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from "node:fs";
import { TestApi } from "../../support/api.ts";
import { programPath, runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { writeOtherKey } from "../../support/other-key.ts";

const UPDATE = `update-ctrl-exec-serial = ${programPath("update-ctrl-exec-serial")}`;
const AGENT = { allowlist: [UPDATE], scripts: { greet: "echo hello" } };

const broken: readonly (readonly [
  string,
  string,
  (path: string) => void | Promise<void>,
  string,
])[] = [
  ["a key that others can read", "ctrl-exec.key", (path) => chmodSync(path, 0o644), "mode 0644"],
  ["a key of another certificate", "ctrl-exec.key", writeOtherKey, "it is not the key of"],
  ["a missing key", "ctrl-exec.key", (path) => rmSync(path), "no such file"],
  ["a cut key", "ctrl-exec.key", (path) => truncateSync(path, 60), "not a PEM private key"],
  ["a missing certificate", "ctrl-exec.crt", (path) => rmSync(path), "no such file"],
  ["a cut certificate", "ctrl-exec.crt", (path) => truncateSync(path, 60), "not a certificate"],
  ["a cut CA", "ca.crt", (path) => truncateSync(path, 60), "not a certificate"],
];
for (const [name, file, harm, why] of broken) {
  test(`T09 ${name}: the file is named, exit 78, nothing is dialled`, async () => {
    await using control = await ControlHost.create();
    const path = control.folder.join("control", file);
    await harm(path);
    for (const args of [
      ["ping", "web-01"],
      ["run", "web-01", "greet"],
      ["rotate-cert"],
      ["pairing-mode"],
    ]) {
      const [mode = "", ...rest] = args;
      const { status, err } = await control.run(mode, rest);
      expect(err).toContain(path);
      expect(err).toContain(why);
      expect(status).toBe(78);
    }
    const maintained = await control.run("maintain");
    expect(maintained.status).toBe(78);
    expect(maintained.err).toContain(path);
    expect(maintained.out).not.toContain("Nothing was due");
  });
}

test("T22 on a full disk a rotation fails, names the file and changes nothing", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  await control.stopPairing();
  const files = ["ctrl-exec.key", "ctrl-exec.crt"].map((name) =>
    control.folder.join("control", name),
  );
  const before = files.map((file) => readFileSync(file, "utf8"));
  const { status, err } = await control.run("rotate-cert", [], { blocks: 0 });
  expect(status).toBe(1);
  expect(err).toMatch(/Cannot write \S+/);
  expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(before);
  expect(existsSync(control.folder.join("control", "state", "rotation.json"))).toBe(false);
  await control.mustRun("run", ["web-01", "greet"]);
  await control.mustRun("rotate-cert");
  await control.mustRun("run", ["web-01", "greet"]);
});

test("T22 a folder that cannot be written stops a rotation before its commit", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  // Nobody, not even root, makes files there.
  rmSync(control.folder.join("control", "credentials"), { recursive: true });
  symlinkSync("/sys", control.folder.join("control", "credentials"));
  const { status, err } = await control.run("rotate-cert");
  expect(status).toBe(78);
  expect(err).toContain(`Cannot write ${control.folder.join("control", "credentials")}/`);
  expect(existsSync(control.folder.join("control", "state", "rotation.json"))).toBe(false);
  rmSync(control.folder.join("control", "credentials"));
  await control.mustRun("run", ["web-01", "greet"]);
});

test("T22 a renewed certificate that cannot be stored leaves the old one in force", async () => {
  await using control = await ControlHost.create(["cert_days = 1"]);
  const agent = await control.addAgent("web-01", {
    ...AGENT,
    config: [`cert = ${control.folder.join("web-01", "state", "agent.crt")}`],
  });
  await agent.pair();
  const old = readFileSync(agent.path("state/agent.crt"), "utf8");
  await agent.serve();
  const record = control.folder.join("control", "state", "agents", "web-01.json");
  const makeDue = () => {
    const { expiry: _, ...rest } = JSON.parse(readFileSync(record, "utf8"));
    control.folder.write(
      "control/state/agents/web-01.json",
      JSON.stringify({ ...rest, expiry: "Jan  1 00:00:00 2026 GMT" }),
      0o640,
    );
  };
  makeDue();
  renameSync(agent.path("state"), agent.path("kept"));
  symlinkSync("/sys", agent.path("state"));
  const { out } = await control.mustRun("maintain", ["--json"]);
  expect(JSON.parse(out).not_renewed).toEqual([
    { host: "web-01", error: "web-01 refuses /renew-complete: cannot store the certificate" },
  ]);
  await agent.serving.seen(/ACTION=renew-complete ERROR="Cannot write/);
  expect(readFileSync(agent.path("kept/agent.crt"), "utf8")).toBe(old);
  await control.mustRun("run", ["web-01", "greet"]);
  rmSync(agent.path("state"));
  renameSync(agent.path("kept"), agent.path("state"));
  // The run has taught the record when the certificate ends.
  makeDue();
  expect(JSON.parse((await control.mustRun("maintain", ["--json"])).out).renewed).toEqual([
    "web-01",
  ]);
  expect(readFileSync(agent.path("state/agent.crt"), "utf8")).not.toBe(old);
});

test("T30 many commands at once on one registry lose nothing", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", AGENT);
  await agent.pair();
  const edits = Array.from({ length: 12 }, (_, index) =>
    index % 2 === 0 ? ["--agent-port", String(7450 + index)] : ["--ip", `10.0.0.${index}`],
  );
  const ended = await Promise.all(
    edits.map((edit) => control.run("edit-agent", ["web-01", ...edit])),
  );
  expect(ended.map(({ status }) => status)).toEqual(edits.map(() => 0));
  const file = control.folder.join("control", "state", "agents", "web-01.json");
  const record = JSON.parse(readFileSync(file, "utf8"));
  expect(record.ip).toMatch(/^10\.0\.0\.(1|3|5|7|9|11)$/);
  expect(record.port).toBeGreaterThanOrEqual(7450);
  expect(record.lookup_by).toBe("ip");
});

test("T30 rotate-cert and maintain at once: one after the other, and no agent is lost", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  const both = await Promise.all([
    control.run("rotate-cert"),
    control.run("maintain"),
    control.run("rotate-cert"),
    control.run("maintain"),
  ]);
  expect(both.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
  await control.mustRun("maintain");
  const status = JSON.parse((await control.mustRun("serial-status", ["--json"])).out);
  expect(status.agents).toMatchObject([{ hostname: "web-01", status: "current" }]);
  await control.mustRun("run", ["web-01", "greet"]);
});

test("a record that cannot be read is named, and hides no other", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  const file = control.folder.write("control/state/agents/db-01.json", "{ cut", 0o640);
  for (const mode of ["list-agents", "serial-status", "maintain"]) {
    const { status, err } = await control.run(mode);
    expect(err).toContain(file);
    expect(status).toBe(1);
  }
  expect((await control.run("list-agents")).out).toContain("web-01");
  await control.mustRun("run", ["web-01", "greet"]);
});

test("T05 a host whose record cannot be read fails by itself, on the screen and over HTTP", async () => {
  await using control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  await control.startAgent("web-01", AGENT);
  const file = control.folder.write("control/state/agents/db-01.json", "{ cut", 0o640);
  const error = `Cannot use ${file}: not JSON. Restore it from a backup, or pair db-01 again`;
  const ran = await control.run("run", ["web-01", "db-01", "greet"]);
  expect(ran.status).toBe(1);
  expect(ran.out).toMatch(/^==> web-01 {2}\[OK /m);
  expect(ran.out).toContain(`    ERROR: ${error}\n`);
  const pinged = await control.run("ping", ["web-01", "db-01", "--json"]);
  expect(pinged.status).toBe(1);
  expect(JSON.parse(pinged.out).results).toMatchObject([{ status: "ok" }, { error }]);

  await using api = await TestApi.start(control);
  const hosts = ["db-01", "web-01"];
  expect(await api.post("/run", { hosts, script: "greet" })).toMatchObject({
    status: 200,
    json: {
      ok: true,
      results: [
        { exit: -1, error },
        { exit: 0, stdout: "hello\n" },
      ],
    },
  });
  expect(await api.post("/ping", { hosts })).toMatchObject({
    status: 200,
    json: { ok: true, results: [{ status: "error", error }, { status: "ok" }] },
  });
  for (const answer of [await api.get("/discovery"), await api.post("/discovery", { hosts })]) {
    expect(answer).toMatchObject({
      status: 200,
      json: { ok: true, hosts: { "db-01": { error }, "web-01": { status: "ok" } } },
    });
  }
  expect((await api.get("/openapi-live.json")).status).toBe(200);
});

test("a record of 0.8 stays in its file, whose name has capitals, and a second one is reported", async () => {
  await using control = await ControlHost.create();
  await control.startAgent("web-01", AGENT);
  const folder = control.folder.join("control", "state", "agents");
  const record = JSON.parse(readFileSync(`${folder}/web-01.json`, "utf8"));
  rmSync(`${folder}/web-01.json`);
  control.folder.write(
    "control/state/agents/Web-01.json",
    JSON.stringify({ ...record, hostname: "Web-01" }),
    0o640,
  );
  await control.mustRun("edit-agent", ["web-01", "--lookup-by=ip"]);
  await control.mustRun("run", ["web-01", "greet"]);
  await control.mustRun("rotate-cert");
  await control.mustRun("run", ["WEB-01", "greet"]);
  expect(readdirSync(folder)).toEqual(["Web-01.json"]);
  control.folder.write("control/state/agents/web-01.json", JSON.stringify(record), 0o640);
  const listed = await control.run("list-agents");
  expect(listed.status).toBe(1);
  expect(listed.err).toBe(
    `ctrl-exec: Cannot use ${folder}/Web-01.json: ${folder}/web-01.json is for the same host\n` +
      "Remove the one that is out of date, or pair web-01 again.\n",
  );
  rmSync(`${folder}/web-01.json`);
  await control.mustRun("unpair", ["web-01"]);
  expect(readdirSync(folder)).toEqual([]);
});

test("list-agents has the four documented columns in 80 characters, --wide and --json have more", async () => {
  await using control = await ControlHost.create();
  await (await control.addAgent("web-01", AGENT)).pair();
  const day = String.raw`\d{4}-\d\d-\d\d`;
  const moment = String.raw`${day}T\d\d:\d\d:\d\dZ`;
  const record = control.folder.join("control/state/agents/web-01.json");
  const named = { ...JSON.parse(readFileSync(record, "utf8")), ip: "203.0.113.254" };
  const hostname = "database-primary-01.south.example.com";
  const long = JSON.stringify({ ...named, hostname });
  control.folder.write(`control/state/agents/${hostname}.json`, long, 0o640);

  const shown = await control.mustRun("list-agents");
  const [header = "", , ...rows] = shown.out.trimEnd().split("\n");
  expect(header).toMatch(/^HOSTNAME +IP +PAIRED +CERT EXPIRY$/);
  expect(rows.toSorted()).toEqual([
    expect.stringMatching(new RegExp(`^${hostname} +203\\.0\\.113\\.254 +${day} +${day}$`)),
    expect.stringMatching(new RegExp(`^web-01 +127\\.0\\.0\\.1 +${day} +${day}$`)),
  ]);
  for (const line of shown.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);

  const wide = await control.mustRun("list-agents", ["--wide"]);
  expect(wide.out).toMatch(
    /^HOSTNAME +IP +PAIRED +CERT EXPIRY +DAYS LEFT +PORT +SERIAL STATUS +CERT SERIAL +VERSION +LAST REPORT +TAGS\n/,
  );
  expect(wide.out).toMatch(
    new RegExp(
      `\nweb-01 +127\\.0\\.0\\.1 +${moment} +${moment} +36[45] +\\d+ +current +[0-9a-f]{16} +${moment}\n`,
    ),
  );
  const both = await control.run("list-agents", ["--wide", "--json"]);
  expect(both.status).toBe(2);
  rmSync(control.folder.join("control/state/agents", `${hostname}.json`));

  const [agent] = JSON.parse((await control.mustRun("list-agents", ["--json"])).out);
  expect(agent).toMatchObject({ hostname: "web-01", ip: "127.0.0.1", serial_status: "current" });
  expect(agent.paired_at).toMatch(/Z$/);
  expect(agent.cert_expiry).toMatch(/Z$/);
  expect(agent.renew_due).toMatch(/Z$/);
  expect(agent.serial).toMatch(/^[0-9a-f]{16}$/);
});

test("approve --code with a wrong code denies, and the host is told", async () => {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", AGENT);
  const port = await control.pairingPort();
  const waiting = agent.run("request-pairing", [
    "--hostname=web-01",
    "--dispatcher=127.0.0.1",
    `--port=${port}`,
  ]);
  const id = await control.requestFor("web-01");
  const [{ code }] = JSON.parse((await control.mustRun("list-requests", ["--json"])).out);
  expect((await control.run("approve", [id, "--code", "12"])).status).toBe(2);
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, "0");
  expect((await control.run("approve", [id, "--code", wrong])).status).toBe(1);
  expect((await control.run("approve", [id, "--code", code])).err).toContain(
    "no request with that id is waiting",
  );
  const { status, err } = await waiting;
  expect(status).toBe(3);
  expect(err).toContain("wrong confirmation code");
  expect(existsSync(agent.path("agent.crt"))).toBe(false);
});

test("unpair --revoke says what it revoked; update-ctrl-exec-serial has a help", async () => {
  await using control = await ControlHost.create();
  await (await control.addAgent("web-01", AGENT)).pair();
  const { out } = await control.mustRun("unpair", ["web-01", "--revoke"]);
  expect(out).toMatch(/^Unpaired web-01\..*\nRevoked here: [0-9a-f]{32}\n$/);
  const help = await runProgram("update-ctrl-exec-serial", ["--help"]);
  expect(help.status).toBe(0);
  expect(help.out).toContain("scripts.conf");
});
