/** Output as it comes, on real terminals and pipes; each agent prints what a test dictates, when it does. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { RESET } from "../../../src/cli/render/terminal-filter.ts";
import { forTerminal } from "../../../src/core/text.ts";
import { cleanEnvironment, programPath, Running } from "../../support/binary.ts";
import { FakeAgent, jsonAnswer } from "../../support/fake-agent.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { StreamingAgents } from "../../support/streaming-agents.ts";
import { TerminalSession } from "../../support/terminal.ts";
import { UnreadPipe } from "../../support/unread.ts";

let control: ControlHost;
let agent: TestAgent;
let older: TestAgent;
let agents: StreamingAgents;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.addAgent("web-01");
  await agent.pair();
  older = await control.addAgent("db-01");
  await older.pair();
  agents = await StreamingAgents.start(agent);
});

afterAll(async () => {
  agents[Symbol.dispose]();
  await control[Symbol.asyncDispose]();
});

/** The addresses of so many hosts, and the command that runs a script on them. */
function order(count: number, options: readonly string[] = []) {
  const hosts = Array.from({ length: count }, (_, index) => `127.0.0.${index + 2}`);
  const args = ["run", ...hosts, "deploy", `--port=${agent.port}`, ...options];
  return { hosts, args: control.withSetting(args) };
}

const onTerminal = (args: readonly string[], env = {}) =>
  new TerminalSession("ctrl-exec", args, { NO_COLOR: "1", ...env });

const header = (host: string, exit = 0) =>
  new RegExp(
    `==> ${host} {2}\\[${exit === 0 ? "OK" : "FAIL"} {2}exit:${exit} {2}\\d+ms {2}req:\\w{16}\\]`,
  );

describe("one host", () => {
  test("its output is on the screen before the script ends, and then its header", async () => {
    const { args } = order(1);
    const session = onTerminal(args);
    const run = await agents.run("127.0.0.2");
    run.print("one\nPassword? ");
    await session.seen(/^Run \w{16}\r\none\r\nPassword\? $/);
    run.print("oops\n", "stderr");
    await session.seen(/oops/);
    run.end({ exit: 3 });
    expect(await session.ended()).toBe(1);
    expect(session.screen).toMatch(/^Run \w{16}\r\none\r\nPassword\? oops\r\n/);
    expect(session.screen).toMatch(header("127.0.0.2", 3));
    expect(session.screen).not.toContain("STDERR");
  });

  test("T74 colours pass, nothing else does, and the terminal has its own again", async () => {
    const { args } = order(1);
    const session = onTerminal(args, { NO_COLOR: "" });
    const run = await agents.run("127.0.0.2");
    for (const byte of Buffer.from("\u001b[31mred\u001b[2J\u001b]0;t\u0007\u009b2J\r\nx")) {
      run.print(Buffer.of(byte));
    }
    run.print("\u001b[32mgreen\u0007\n", "stderr");
    run.end();
    expect(await session.ended()).toBe(0);
    expect(session.screen).toContain("\u001b[31mred^[[2J^[]0;t^G<U+009B>2J\r\nx");
    expect(session.screen).toContain("\u001b[32mgreen^G\r\n");
    expect(session.plain).toContain("==> 127.0.0.2");
    expect(session.screen.lastIndexOf(RESET, session.screen.indexOf("==> "))).toBeGreaterThan(0);
    expect(forTerminal(session.plain)).toBe(session.plain.replaceAll("\r\n", "\n"));
  });

  test("a pipe gets it with --live alone, byte for byte", async () => {
    const bytes = Buffer.from([0xff, 0x1b, 0x5b, 0x32, 0x4a, 0x9b, 0, 13, 10]);
    const raw = bytes.toString("latin1");
    for (const [options, shown] of [
      [["--live"], `${raw}HEADER\n`],
      [[], `HEADER\n${raw}`],
      [["--no-live"], `HEADER\n${raw}`],
    ] as const) {
      const pending = control.run(...asRun(order(1, options).args));
      const run = await agents.run("127.0.0.2");
      run.print(bytes);
      run.end();
      const { bytes: out, err } = await pending;
      const text = Buffer.from(out).toString("latin1");
      expect(text.replace(header("127.0.0.2"), "HEADER")).toBe(shown);
      expect(err).toBe("");
    }
  });

  test("--no-live on a terminal shows a block at the end, without colours of the script", async () => {
    const session = onTerminal(order(1, ["--no-live"]).args);
    const run = await agents.run("127.0.0.2");
    run.print("\u001b[31mred\n");
    run.print("oops\n", "stderr");
    run.end();
    expect(await session.ended()).toBe(0);
    expect(session.screen).toMatch(/\]\r\n\^\[\[31mred\r\n {4}STDERR: oops\r\n$/);
  });
});

/** As control.run() takes it: without the setting that it adds itself. */
function asRun(args: readonly string[]): [string, string[]] {
  const [mode = "", ...rest] = args.slice(0, args.indexOf("--config"));
  return [mode, rest];
}

describe("several hosts", () => {
  test("two: whole lines after names, headers as each ends, and a summary", async () => {
    const session = onTerminal(order(2).args);
    const [first, second] = [await agents.run("127.0.0.2"), await agents.run("127.0.0.3")];
    first.print("he");
    second.print("x\ny");
    await session.seen(/127\.0\.0\.3 \| x/);
    first.print("llo\n");
    await session.seen(/127\.0\.0\.2 \| hello/);
    expect(session.screen).not.toContain("| he\r");
    second.end({ exit: 1 });
    await session.seen(header("127.0.0.3", 1));
    expect(session.screen).toContain("127.0.0.3 | y\r\n==> 127.0.0.3");
    first.print("oops\n", "stderr");
    first.end();
    expect(await session.ended()).toBe(1);
    expect(session.screen).toContain("127.0.0.2 | oops\r\n==> 127.0.0.2");
    expect(session.screen).toMatch(/\r\n2 hosts: 1 ok, 1 failed; [\d.]+m?s; req:\w{16}\r\n$/);
  });

  test("with --live in a pipe: stdout has the lines, stderr the errors and the summary", async () => {
    const pending = control.run(...asRun(order(2, ["--live"]).args));
    for (const host of ["127.0.0.2", "127.0.0.3"]) {
      const run = await agents.run(host);
      run.print("out\n");
      run.print("err\n", "stderr");
      run.end();
    }
    const { out, err, status } = await pending;
    expect(status).toBe(0);
    for (const host of ["127.0.0.2", "127.0.0.3"]) {
      expect(out).toContain(`${host} | out\n`);
      expect(out).toMatch(header(host));
      expect(err).toContain(`${host} | err\n`);
    }
    expect(err).toMatch(/\n2 hosts: 2 ok; [\d.]+m?s; req:\w{16}\n$/);
  });
});

describe("--json-stream", () => {
  test("a line for each event as it comes, and base64 for what is not UTF-8 alone", async () => {
    const program = new Running("ctrl-exec", order(1, ["--json-stream"]).args);
    const run = await agents.run("127.0.0.2");
    const seen = async (text: string) => {
      await until(`it prints ${text}`, () => program.out.includes(text));
    };
    await seen('"event":"start"');
    run.print(Buffer.from("a日").subarray(0, 2));
    await seen('"offset":0,"data":"a"');
    run.print(Buffer.from("日").subarray(1));
    run.print(Buffer.from([0xff]), "stderr");
    run.end({ exit: 2 });
    expect(await program.ended()).toBe(1);
    const lines = program.out.trimEnd().split("\n");
    const { reqid } = run;
    const head = { host: "127.0.0.2" };
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { event: "start", ...head, reqid, script: "deploy", started: "2026-11-29T08:00:00Z" },
      { event: "stdout", ...head, stream: "stdout", offset: 0, data: "a" },
      { event: "stdout", ...head, stream: "stdout", offset: 1, data: "日" },
      { event: "stderr", ...head, stream: "stderr", offset: 0, data_b64: "/w==" },
      expect.objectContaining({ event: "end", ...head, exit: 2, reqid, state: "ended" }),
      expect.objectContaining({ event: "summary", reqid, hosts: 1, outcomes: { failed: 1 } }),
    ]);
    expect(Object.keys(JSON.parse(lines[4] ?? ""))).not.toContain("stdout");
    expect(program.err).toBe("");
  });

  test("what is refused is one line, as with --json", async () => {
    const { status, out } = await control.run("run", ["a b", "deploy", "--json-stream"]);
    expect(status).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ ok: 0, error: expect.stringContaining("a b") });
  });
});

test("options that cannot be used together are named", async () => {
  const both = await control.run("run", ["web-01", "x", "--live", "--no-live"]);
  expect(both).toMatchObject({
    status: 2,
    err: "ctrl-exec: --live and --no-live cannot be used together\nSee: ctrl-exec run --help\n",
  });
  const { out } = await control.run("run", ["web-01", "x", "--json", "--json-stream"]);
  expect(JSON.parse(out).error).toBe("--json and --json-stream cannot be used together");
});

describe("a real agent", () => {
  beforeAll(async () => {
    const wait = 'echo begun; echo oops >&2; until [ -e "$1" ]; do sleep 0.05; done; echo done';
    await control.startAgent("real-01", { scripts: { wait } });
  });

  test("its output is on the screen while the script runs", async () => {
    const mark = control.folder.join("first");
    const session = onTerminal(control.withSetting(["run", "real-01", "wait", "--", mark]));
    await session.seen(/begun\r\n/);
    await session.seen(/oops\r\n/);
    control.folder.write("first", "");
    expect(await session.ended()).toBe(0);
    expect(session.screen).toMatch(/done\r\n==> real-01 {2}\[OK[^\n]*\n$/);
  });
});

test("an agent before 1.1: its output when the script has ended, and a word about it", async () => {
  using _ = await FakeAgent.start(older, (socket, request) => {
    const { reqid, script } = JSON.parse(request.slice(request.indexOf("\r\n\r\n") + 4));
    socket.end(jsonAnswer({ script, exit: 0, stdout: "late\n", stderr: "", reqid }));
  });
  const session = onTerminal(control.withSetting(["run", "db-01", "deploy"]));
  expect(await session.ended()).toBe(0);
  expect(session.screen).toMatch(header("db-01"));
  expect(session.screen).toContain("]\r\nlate\r\n");
  expect(session.screen).toContain(
    "db-01 shows output only when the script has ended: its agent is older than 1.1",
  );
});

describe("who reads it", () => {
  const MEGABYTE = Buffer.alloc(1024 * 1024, `${"x".repeat(63)}\n`);

  function memoryOf(pid: number): number {
    const [, kib = ""] =
      /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1024;
  }

  test("T72 a reader that stands still holds the agent back, and gets everything in the end", async () => {
    using pipe = new UnreadPipe();
    using errors = new UnreadPipe();
    const child = Bun.spawn([programPath("ctrl-exec"), ...order(1, ["--live"]).args], {
      stdin: "ignore",
      stdout: pipe.writeEnd,
      stderr: errors.writeEnd,
      env: cleanEnvironment(),
    });
    const run = await agents.run("127.0.0.2");
    const before = memoryOf(child.pid);
    for (let count = 0; count < 60; count++) run.print(MEGABYTE);
    let seen = 0;
    await until("nothing more is taken", async () => {
      const same = run.waiting === seen;
      seen = run.waiting;
      await Bun.sleep(300);
      return same && seen > 0;
    });
    expect(run.waiting).toBeGreaterThan(40 * MEGABYTE.length);
    expect(memoryOf(child.pid) - before).toBeLessThan(32);
    run.end();
    const out = await pipe.read();
    expect(await child.exited).toBe(0);
    expect(out.slice(0, 60 * MEGABYTE.length) === MEGABYTE.toString().repeat(60)).toBe(true);
    expect(out.slice(60 * MEGABYTE.length)).toMatch(header("127.0.0.2"));
  });

  test.each([["--live"], ["--json-stream"]])(
    "%s: a reader that has gone ends it quietly, while the script goes on",
    async (option) => {
      const command = 'm=$1; shift; { "$@"; echo "status $?" >&2; } | head -n 1';
      const child = Bun.spawn(
        ["sh", "-c", command, "sh", "x", programPath("ctrl-exec"), ...order(1, [option]).args],
        { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: cleanEnvironment() },
      );
      const run = await agents.run("127.0.0.2");
      const timer = setInterval(() => run.print("again\n"), 20);
      expect(await new Response(child.stderr).text()).toBe("status 141\n");
      clearInterval(timer);
      await until("it has hung up", () => run.left);
    },
  );
});
