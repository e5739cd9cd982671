/** Strict command lines: every slip is told, exit 2, and nothing is done. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { agentProgram } from "../../../src/cli/agent/program.ts";
import { type Program, runVerb, splitCommandLine } from "../../../src/cli/command/command.ts";
import { controllerProgram } from "../../../src/cli/controller/program.ts";
import { CtrlExecError } from "../../../src/core/errors.ts";
import { addDays, opensslTime } from "../../../src/core/time.ts";
import { freePort } from "../../../src/system/net/free-port.ts";
import { type ProgramName, runProgram } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { KeptIo } from "../../support/kept-io.ts";

/** Whose folder / is decides what is said of it. */
const ROOTS_FOLDER = process.getuid?.() === 0 ? "it is not empty" : "it belongs to another user";

let control: ControlHost;

beforeAll(async () => {
  control = await ControlHost.create();
  await control.startAgent("web-01", { scripts: { show: 'echo "[$*]"' } });
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const SLIPS: readonly [ProgramName, readonly string[], RegExp][] = [
  ["ctrl-exec", ["rum", "web-01", "x"], /Unknown mode "rum"; did you mean run\?/],
  ["ctrl-exec", ["list-agent"], /Unknown mode "list-agent"; did you mean list-agents\?/],
  ["ctrl-exec", ["setup-ctrl"], /Unknown mode "setup-ctrl"; did you mean setup-ctrl-exec\?/],
  ["ctrl-exec", ["xyzzy-plugh"], /Unknown mode "xyzzy-plugh"\n/],
  ["ctrl-exec", ["constructor"], /Unknown mode "constructor"/],
  ["ctrl-exec", ["__proto__"], /Unknown mode "__proto__"/],
  ["ctrl-exec", ["toString"], /Unknown mode "toString"/],
  ["ctrl-exec", ["run", "a", "b", "--jsn"], /Unknown option --jsn; did you mean --json\?/],
  [
    "ctrl-exec",
    ["run", "a", "b", "--usrename=x"],
    /Unknown option --usrename; did you mean --username\?/,
  ],
  ["ctrl-exec", ["run", "a", "b", "-j"], /Unknown option -j/],
  ["ctrl-exec", ["run", "a", "b", "--constructor"], /Unknown option --constructor/],
  ["ctrl-exec", ["run", "a", "b", "--port=1", "--port", "2"], /--port is given more than once/],
  ["ctrl-exec", ["run", "a", "b", "--json=yes"], /--json takes no value/],
  ["ctrl-exec", ["run", "a", "b", "--port"], /--port needs a value <n>/],
  ["ctrl-exec", ["run", "a", "b", "--port", "--", "x"], /--port needs a value <n>/],
  [
    "ctrl-exec",
    ["run", "a", "b", "--port=http"],
    /--port takes a whole number from 1 to 65535, not "http"/,
  ],
  ["ctrl-exec", ["run", "a", "b", "--port=65536"], /--port takes a whole number from 1 to 65535/],
  ["ctrl-exec", ["run", "a", "b", "--keep"], /ctrl-exec run does not take --keep/],
  ["ctrl-exec", ["list-agents", "--ip=::1"], /ctrl-exec list-agents does not take --ip/],
  ["ctrl-exec", ["run", "web-01"], /^ctrl-exec: run needs <host>\[:<port>\]\.\.\. <script>/],
  ["ctrl-exec", ["ping"], /^ctrl-exec: ping needs <host>/],
  ["ctrl-exec", ["approve"], /^ctrl-exec: approve needs <reqid>/],
  [
    "ctrl-exec",
    ["approve", "a", "b"],
    /^ctrl-exec: unexpected argument "b": approve takes <reqid>$/m,
  ],
  ["ctrl-exec", ["ping", "web-01", "--", "x"], /ctrl-exec ping takes nothing after --/],
  ["ctrl-exec", ["--config"], /--config needs a value <path>/],
  [
    "ctrl-exec",
    ["ping", "web-01", "--log=nowhere"],
    /--log takes syslog, stderr or an absolute path/,
  ],
  ["ctrl-exec-agent", ["serv"], /Unknown mode "serv"; did you mean serve\?/],
  [
    "ctrl-exec-agent",
    ["run", "web-01", "x"],
    /^ctrl-exec-agent: Unknown mode "run": it is a mode of ctrl-exec, on the control host\nSee: ctrl-exec run --help\n$/,
  ],
  [
    "ctrl-exec",
    ["--config", "/x", "request-pairing", "--dispatcher", "y"],
    /^ctrl-exec: Unknown mode "request-pairing": it is a mode of ctrl-exec-agent, on the managed host\nSee: ctrl-exec-agent request-pairing --help\n$/,
  ],
  [
    "ctrl-exec",
    ["help", "reload"],
    /: it is a mode of ctrl-exec-agent, on the managed host, and ctrl-exec-api, on the control host\nSee: ctrl-exec-agent reload --help\nSee: ctrl-exec-api reload --help\n$/,
  ],
  ["ctrl-exec-api", ["list-runs"], /\nSee: ctrl-exec list-runs --help\n$/],
  ["ctrl-exec-agent", ["request-pairing"], /request-pairing needs one --dispatcher <host>/],
  [
    "ctrl-exec-agent",
    ["request-pairing", "--dispatcher=a", "--ctrl-exec=b"],
    /request-pairing needs one --dispatcher <host>/,
  ],
  [
    "ctrl-exec-agent",
    ["serve", "extra"],
    /^ctrl-exec-agent: unexpected argument "extra": serve takes no arguments$/m,
  ],
  ["ctrl-exec-agent", ["serve", "--background-chil"], /Unknown option --background-chil/],
];

test.each([...SLIPS])("%s %p", async (name, args, words) => {
  const { status, out, err } = await runProgram(name, args);
  expect(err).toMatch(words);
  expect(err).toStartWith(`${name}: `);
  expect(err.split("\n")[1] ?? "").toMatch(/^(See: .* --help)?$/);
  expect(out).toBe("");
  expect(status).toBe(2);
});

test.each<[ProgramName, readonly string[], string]>([
  ["ctrl-exec", ["run", "a", "b", "--json", "--json"], "--json is given more than once"],
  ["ctrl-exec", ["run", "web-01", "x", "--json", "--nope"], "Unknown option --nope"],
  ["ctrl-exec", ["ping", "--json"], "ping needs <host>"],
  ["ctrl-exec", ["ping", "web-01", "--json", "--port=x"], "--port takes a whole number"],
  ["ctrl-exec", ["rum", "--json"], 'Unknown mode "rum"'],
  ["ctrl-exec", ["unpair", "web-01", "--json"], "ctrl-exec unpair does not take --json"],
  [
    "ctrl-exec-agent",
    ["self-check", "x", "--json"],
    'unexpected argument "x": self-check takes no arguments',
  ],
])("with --json it is told as data too: %s %p", async (name, args, words) => {
  const { status, out, err } = await runProgram(name, args);
  const told = { ok: 0, error: expect.stringContaining(words), code: 1 };
  expect(JSON.parse(out)).toMatchObject(told);
  expect(err).toContain(words);
  expect(status).toBe(2);
});

test.each<[ProgramName, readonly string[], string]>([
  ["ctrl-exec", ["run", "x", "--hosts-from=/none"], "Cannot take hosts from /none: no such file"],
  ["ctrl-exec", ["run", "a", "x", "--hosts-from=/"], "Cannot take hosts from /: it is a folder"],
  ["ctrl-exec", ["run", "a", "x", "--token-file=/none"], "Cannot take a token from /none: no such"],
  ["ctrl-exec", ["run", "a", "x", "--output=/"], `Cannot write to /: ${ROOTS_FOLDER}`],
  ["ctrl-exec", ["run", "a", "x", "--timeout=soon"], "--timeout takes 1 to 2000000 seconds, or"],
  ["ctrl-exec", ["list-runs", "--limit=0"], "--limit takes a whole number from 1 to"],
  [
    "ctrl-exec-agent",
    ["join", "--ctrl-exec=ctrl", "--token-file=/none"],
    "Cannot take a join token from /none: no such file",
  ],
])("what an option names and cannot be used is a slip too: %s %p", async (name, args, words) => {
  const own = name === "ctrl-exec" ? ["--config", control.config] : [];
  const { status, out, err } = await runProgram(name, [...args, ...own]);
  expect(err).toStartWith(`${name}: ${words}`);
  expect([status, out]).toEqual([2, ""]);
});

test("a control host with a port after it is told where the port goes", async () => {
  const args = ["request-pairing", "--dispatcher", "ctrl.example.com:7444"];
  const { status, err } = await runProgram("ctrl-exec-agent", args);
  expect(err).toContain('takes a host or an address, not "ctrl.example.com:7444"');
  expect(err).toContain("\nIts port goes with --port <n>.\n");
  expect(status).toBe(2);
});

test.each([
  ["run", ["run", "web-01", "x", "--nope"]],
  ["run", ["--nope", "run", "web-01", "x"]],
  ["run", ["run", "web-01", "x", "--json", "--json"]],
  ["unpair", ["unpair", "web-01", "--revoke=1"]],
])("a wrong option of %s points to the help of that mode: %p", async (mode, args) => {
  const { err } = await runProgram("ctrl-exec", args);
  expect(err).toEndWith(`\nSee: ctrl-exec ${mode} --help\n`);
});

test("a control host whose name is not valid is refused before anything is done", async () => {
  const args = ["request-pairing", "--dispatcher", "bad_host!"];
  const { status, err } = await runProgram("ctrl-exec-agent", args);
  expect(err).toContain('takes a host or an address, not "bad_host!"\nA name has letters, digits,');
  expect(status).toBe(2);
});

test("a hidden option is never suggested", async () => {
  const { err } = await runProgram("ctrl-exec-agent", ["serve", "--background-chil"]);
  expect(err).not.toContain("background-child");
});

test.each([
  ["before the mode", (o: string[]) => [...o, "run", "web-01", "show", "--", "x"]],
  ["between", (o: string[]) => ["run", ...o, "web-01", "show", "--", "x"]],
  ["among the hosts", (o: string[]) => ["run", "web-01", ...o, "show", "--", "x"]],
  ["at the end", (o: string[]) => ["run", "web-01", "show", ...o, "--", "x"]],
])("options stand %s", async (_, place) => {
  const options = ["--config", control.config, `--log=${control.log.path}`, "--json"];
  const { status, out } = await runProgram("ctrl-exec", place(options));
  expect(status).toBe(0);
  expect(JSON.parse(out).results[0].stdout).toBe("[x]\n");
});

test("an option's value may look like a mode, a number or nothing", async () => {
  const { status, out } = await control.run("run", [
    "--username",
    "run",
    "web-01",
    "show",
    "--json",
    "--token=",
  ]);
  expect(status).toBe(0);
  expect(JSON.parse(out).ok).toBe(1);
  await control.log.seen("auth", ({ USER }) => USER === "run");
});

test("a mode that is wrong does nothing to the files", async () => {
  const state = () => (readdirSync(control.folder.path, { recursive: true }) as string[]).sort();
  const before = state();
  await control.run("setup-ca", ["--yes"]);
  await control.run("setup-ctrl-exec", ["extra"]);
  expect(state()).toEqual(before);
});

test("setup-ctrl-exec over a certificate that agents know asks, and the end of input is a no", async () => {
  const { status, err } = await control.run("setup-ctrl-exec", [], { input: "" });
  expect(status).toBe(1);
  expect(err).toContain("registered agents that know this host by it: 1.");
  expect(err).toContain("Proceed? [y/N] ");
  expect(err).toContain("Nothing was changed.");
  const no = await control.run("setup-ctrl-exec", [], { input: "no\n" });
  expect(no.status).toBe(1);
  expect((await control.run("ping", ["web-01"])).status).toBe(0);
});

const GLOBAL_OPTIONS: readonly [Program, readonly string[]][] = [
  [controllerProgram, ["config", "port", "username", "token", "json", "log"]],
  [agentProgram, ["config", "allowlist", "port", "json", "log"]],
];

test.each([...GLOBAL_OPTIONS])(
  "a global option that a mode has no use for is refused, in every mode of $name",
  async (program, names) => {
    const ignored: string[] = [];
    let typed = 0;
    for (const [mode, { load }] of Object.entries(program.verbs)) {
      const verb = await load();
      for (const name of names.filter((option) => !Object.hasOwn(verb.options, option))) {
        const { type } = program.options[name] ?? { type: "string" };
        const args = [mode, type === "boolean" ? `--${name}` : `--${name}=1`];
        // Were it ignored, nothing must be done to this machine.
        if (name !== "config") args.push(`--config=${control.folder.join("no-such.conf")}`);
        // All of them by the program's own functions, the first few by the program as well.
        const line = splitCommandLine(program, args);
        const refusal = runVerb(program, mode, verb, line, new KeptIo().io);
        const thrown = await refusal.catch((reason: unknown) => reason);
        const words = `${program.name} ${mode} does not take --${name}`;
        const told = thrown instanceof CtrlExecError && thrown.code === "usage";
        if (!told || thrown.message !== words) ignored.push(args.join(" "));
        if (typed++ >= 3) continue;
        const { status, err } = await runProgram(program.name as ProgramName, args);
        expect([status, err]).toEqual([2, expect.stringContaining(`${words}\n`)]);
      }
    }
    expect(typed).toBeGreaterThan(20);
    expect(ignored).toEqual([]);
  },
  60_000,
);

test("--port is where agents are called, whatever calls them", async () => {
  await using other = await ControlHost.create();
  const agent = await other.startAgent("web-01");
  const record = () => JSON.parse(readFileSync(recordFile, "utf8"));
  const recordFile = other.folder.join("control/state/agents/web-01.json");
  await other.mustRun("edit-agent", ["web-01", "--agent-port", String(freePort())]);
  const port = ["--port", String(agent.port)];

  expect((await other.run("ping", ["web-01"])).status).toBe(1);
  expect((await other.run("ping", ["web-01", ...port])).status).toBe(0);
  expect((await other.mustRun("rotate-cert")).out).toContain("web-01: pending");
  expect((await other.mustRun("rotate-cert", port)).out).toContain("web-01: confirmed");
  expect((await other.mustRun("setup-ctrl-exec", ["--yes"])).out).toContain("web-01: pending");
  expect((await other.mustRun("maintain", port)).out).toBe(
    "Confirmed the present serial: web-01\n",
  );
  const again = await other.mustRun("setup-ctrl-exec", ["--yes", ...port]);
  expect(again.out).toContain("web-01: confirmed");

  // A renewal that ping finds due goes to the same port.
  const old = { ...record(), renewed: "", paired: "2020-01-15T12:00:00Z" };
  const soon = opensslTime(addDays(new Date(), 2));
  writeFileSync(recordFile, JSON.stringify({ ...old, expiry: soon }));
  expect((await other.run("maintain")).out).toContain("Not renewed: web-01");
  expect((await other.mustRun("maintain", port)).out).toContain("Renewed: web-01");

  // A record of 0.8 does not say which certificate is to be revoked, and nor is it noted here.
  rmSync(other.folder.join("control/state/issued-certificates"));
  writeFileSync(recordFile, JSON.stringify({ ...record(), serial: "" }));
  expect((await other.run("unpair", ["web-01", ...port])).err).toContain(
    "--port goes with --revoke",
  );
  expect((await other.run("unpair", ["web-01", "--revoke"])).status).toBe(1);
  const unpaired = await other.mustRun("unpair", ["web-01", "--revoke", ...port]);
  expect(unpaired.out).toMatch(/^Revoked here: [0-9a-f]{32}$/m);
});
