/** A terminal of 80 columns shows every table of a fleet with ordinary names without breaking a row. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { TerminalSession } from "../../support/terminal.ts";

const COLUMNS = 80;
/** As long as a name may be for every one of these tables. */
const HOST = "db-west-01";

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  const begun = control.folder.join("begun");
  const script = `touch ${begun}; until test -e ${control.folder.join("go")}; do sleep 0.05; done`;
  agent = await control.startAgent(HOST, { scripts: { "backup-mysql": script } });
  // One that nobody has called yet.
  const records = control.folder.join("control", "state", "agents");
  const record = JSON.parse(readFileSync(`${records}/${HOST}.json`, "utf8"));
  const other = { ...record, hostname: "web-01", port: 1, ip: "127.100.100.100" };
  control.folder.write("control/state/agents/web-01.json", JSON.stringify(other), 0o640);
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** @param rows how many lines it has at least, so that an empty table does not pass */
function expectNarrow(out: string, rows: number): void {
  const lines = out.trimEnd().split(/\r?\n/);
  expect(lines.length, out).toBeGreaterThanOrEqual(rows);
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(COLUMNS);
}

test.each([
  ["list-agents", []],
  ["serial-status", []],
  ["ping", [HOST, "web-01"]],
  ["discovery", [HOST]],
])("%s", async (mode, args) => {
  expectNarrow((await control.run(mode, args)).out, 3);
});

test("a terminal of 40 columns breaks no word of a table", async () => {
  for (const args of [["list-agents"], ["serial-status"], ["ping", HOST, "web-01"]]) {
    const session = new TerminalSession("ctrl-exec", control.withSetting(args), {}, 40);
    await session.ended();
    const lines = session.screen.split("\r\n");
    const cells = lines.filter((line) => /^[A-Z ]{4,14} {2}\S/.test(line));
    expect(cells.length, session.screen).toBeGreaterThanOrEqual(8);
    for (const cell of cells) expect(cell.length, cell).toBeLessThanOrEqual(40);
    expect(lines.join("\n")).not.toContain("----");
  }
});

test("tag, run --dry-run and list-groups", async () => {
  await control.mustRun("tag", [HOST, "environment=production", "role=database"]);
  control.folder.write(
    "control/groups.d/databases.toml",
    `[databases]\nhosts = ["${HOST}"]\n`,
    0o640,
  );
  expectNarrow((await control.mustRun("tag", [HOST])).out, 4);
  const dryRun = ["--dry-run", HOST, "web-01", "backup-mysql"];
  expectNarrow((await control.mustRun("run", dryRun)).out, 4);
  expectNarrow((await control.mustRun("list-groups")).out, 3);
});

test("token list, whose last column has several lines on a terminal alone", async () => {
  const bounds = [
    "--from=10.0.0.0/8,192.168.0.0/16",
    "--tag=env=production",
    "--tag=role=database",
  ];
  const create = ["create", "--name=db-west-*", "--uses=20", ...bounds];
  const { err: told } = await control.mustRun("token", create);
  expectNarrow(told, 6);
  // Its port is not the usual one.
  expect(told).toMatch(
    /install\.sh --agent --pair <this host> --port \S+ --join-token-file <file>/,
  );
  const args = control.withSetting(["token", "list"]);
  const session = new TerminalSession("ctrl-exec", args, {}, COLUMNS);
  await session.ended();
  expectNarrow(session.screen, 4);
  expect(session.screen).toContain("EXPIRES            FOR\r\n");
  expect((await control.mustRun("token", ["list"])).out.trimEnd().split("\n")).toHaveLength(3);
});

test("a table of --wide is for a pipe: a line for each host, however wide", async () => {
  const { out } = await control.mustRun("list-agents", ["--wide"]);
  const lines = out.trimEnd().split("\n");
  expect(lines).toHaveLength(4);
  expect(Math.max(...lines.map(({ length }) => length))).toBeGreaterThan(COLUMNS);
  for (const mode of ["list-agents", "list-groups", "discovery"]) {
    const help = (await control.mustRun(mode, ["--help"])).out;
    expect(help).toMatch(/--wide +Show more than fits in 80 columns: for a pipe/);
  }
});

test("list-locks and list-runs", async () => {
  const args = [HOST, "backup-mysql", "--username", "alice"];
  const run = new Running("ctrl-exec", control.withSetting(["run", ...args]));
  await until("the script runs", () => existsSync(control.folder.join("begun")));
  expectNarrow((await control.mustRun("list-locks")).out, 3);
  control.folder.write("go", "");
  expect(await run.child.exited).toBe(0);
  await control.run("run", [HOST, "web-01", "backup-mysql", "--username", "alice"]);
  await control.run("run", [HOST, "no-script-01", "--username", "alice"]);
  expectNarrow((await control.mustRun("list-runs")).out, 5);
});

test("list-requests, and the list of pairing-mode", async () => {
  await control.stopPairing();
  const { session, port } = await control.openPairingConsole();
  const waiting = new Running(
    "ctrl-exec-agent",
    agent.withSetting("request-pairing", agent.pairingArgs(port)),
  );
  await session.seen(/uit\? $/);
  expectNarrow((await control.mustRun("list-requests")).out, 3);
  session.clear();
  session.type("l\r");
  await session.seen(/#.*RECEIVED[\s\S]*uit\? $/);
  expectNarrow(session.screen, 4);
  session.kill();
  await waiting.stop();
});
