/** What surrounds a command must not change it, and a script gets nothing of what surrounds its agent. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { PROGRAMS } from "../../../src/multicall.ts";
import { freePort } from "../../../src/system/net/free-port.ts";
import {
  type Finished,
  type ProgramName,
  programPath,
  runCommand,
  runProgram,
} from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { Peer } from "../../support/peers.ts";

const SECRET = "tok-5ecret-9f8e7d";

let control: ControlHost;
let other: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  other = await ControlHost.create();
  agent = await control.startAgent("web-01", {
    scripts: {
      environment: "cat /proc/$$/environ",
      signals: "grep -E '^Sig(Ign|Blk)' /proc/self/status",
      // No pipe: between its two ends the shell has a descriptor of its own.
      place: "pwd; ls /proc/$$/fd",
      wait: `touch ${control.folder.join("waits")}; until [ -e ${control.folder.join("go")} ]; do sleep 0.05; done`,
      context: "cat",
    },
    env: {
      LD_LIBRARY_PATH: "/nowhere",
      BASH_ENV: "/nowhere",
      ENV: "/nowhere",
      BUN_CONFIG_X: "1",
      NODE_PATH: "/nowhere",
      NODE_EXTRA_CA_CERTS: "/nowhere",
      ENVEXEC_TOKEN: SECRET,
      AWS_SECRET_ACCESS_KEY: SECRET,
      IFS: "x",
      PATH: "/nowhere:/usr/bin:/bin",
      HOME: "/nowhere",
      NOTIFY_SOCKET: "/nowhere",
    },
  });
  await other.startAgent("foreign", {
    scripts: { context: `touch ${control.folder.join("ran")}` },
  });
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

async function output(script: string): Promise<string> {
  const { out } = await control.mustRun("run", ["web-01", script, "--json"]);
  return JSON.parse(out).results[0].stdout;
}

describe("a script", () => {
  test("T12 has an environment that was built, not inherited: exactly this", async () => {
    const pairs = (await output("environment")).split("\0").filter((pair) => pair !== "");
    const environment = Object.fromEntries(pairs.map((pair) => pair.split("=", 2)));
    const me = Bun.spawnSync(["sh", "-c", "id -un; getent passwd $(id -u) | cut -d: -f6"]);
    const [user = "", home = ""] = me.stdout.toString().trim().split("\n");
    expect(environment).toEqual({
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: home,
      USER: user,
      LOGNAME: user,
      SHELL: "/bin/sh",
      LANG: "C.UTF-8",
    });
  });

  test("T12 ignores no signal, starts in / and has no descriptor of its agent", async () => {
    const masks = [...(await output("signals")).matchAll(/^Sig(?:Ign|Blk):\t([0-9a-f]{16})$/gm)];
    expect(masks).toHaveLength(2);
    // Above the first 31 stand the C library's own, which make leaves ignored in what it starts.
    for (const [, mask = ""] of masks) expect(BigInt(`0x${mask}`) & 0x7fff_ffffn).toBe(0n);
    const [folder, ...descriptors] = (await output("place")).trim().split("\n");
    expect(folder).toBe("/");
    // The same script beside this test: what a shell opens for itself, and what make leaves open.
    const beside = Bun.spawnSync([agent.path("scripts/place.sh")]).stdout.toString();
    const allowed = new Set(beside.trim().split("\n").slice(1));
    expect(descriptors.filter((number) => !allowed.has(number))).toEqual([]);
    expect(descriptors).toEqual(expect.arrayContaining(["0", "1", "2"]));
  });

  test("gets its context as one JSON object on standard input", async () => {
    const { out } = await control.mustRun("run", [
      ...["web-01", "context", "--json", "--username=alice", "--token=t0ken", "--", "a", "b c"],
    ]);
    const [{ stdout, reqid }] = JSON.parse(out).results;
    expect(JSON.parse(stdout)).toEqual({
      script: "context",
      args: ["a", "b c"],
      reqid,
      peer_ip: "127.0.0.1",
      username: "alice",
      token: "t0ken",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  });
});

/** Everything in the environment and the working directory that could make a runtime trust others. */
async function hostile(): Promise<{ env: Record<string, string>; cwd: string; trap: Peer }> {
  const trap = await Peer.tcp((socket) => socket.end());
  const cwd = control.folder.join("hostile");
  const preload = `import { writeFileSync } from "node:fs"; writeFileSync("${cwd}/preloaded", "");`;
  control.folder.write("hostile/evil.ts", preload);
  control.folder.write(
    "hostile/.env",
    `NODE_TLS_REJECT_UNAUTHORIZED=0\nENVEXEC_TOKEN=from-dotenv\nUSER=from-dotenv\n`,
  );
  control.folder.write("hostile/bunfig.toml", 'preload = ["./evil.ts"]\n[run]\nsilent = false\n');
  control.folder.write(
    "hostile/tsconfig.json",
    '{"compilerOptions":{"paths":{"*":["./evil.ts"]}}}',
  );
  control.folder.write("hostile/package.json", '{"imports":{"#x":"./evil.ts"},"type":"commonjs"}');
  const foreignCa = other.folder.join("control", "ca.crt");
  const proxy = `http://127.0.0.1:${trap.port}`;
  return {
    trap,
    cwd,
    env: {
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      NODE_EXTRA_CA_CERTS: foreignCa,
      SSL_CERT_FILE: foreignCa,
      SSL_CERT_DIR: other.folder.join("control"),
      HTTPS_PROXY: proxy,
      HTTP_PROXY: proxy,
      ALL_PROXY: proxy,
      https_proxy: proxy,
      NODE_OPTIONS: `--require=${cwd}/evil.ts`,
      NODE_PATH: cwd,
      OPENSSL_CONF: `${cwd}/nowhere.cnf`,
    },
  };
}

describe("T03 the caller's surroundings", () => {
  test("do not make a foreign agent trusted, and nothing extra is printed", async () => {
    const { env, cwd, trap } = await hostile();
    await using _ = trap;
    const place = `127.0.0.1:${other.agents[0]?.port}`;
    const refused = await control.run("run", [place, "context"], { env, cwd });
    expect(refused.status).toBe(1);
    expect(refused.err).toBe("");
    expect(refused.out).toMatch(
      /^==> 127\.0\.0\.1 {2}\[FAIL .*\]\n {4}ERROR: .*not of this CA.*\n {4}STATE: never-ran\n$/,
    );
    expect(existsSync(control.folder.join("ran"))).toBe(false);
    const served = await control.run("run", ["web-01", "context"], { env, cwd });
    expect(served.status).toBe(0);
    expect(served.err).toBe("");
    expect(served.out).toContain('"username":"tester","token":""');
    expect(existsSync(`${cwd}/preloaded`)).toBe(false);
    expect(trap.connections).toBe(0);
  });

  test("do not make an agent let a stranger in", async () => {
    const { env, cwd, trap } = await hostile();
    await using _ = trap;
    const port = freePort();
    const config = agent.config;
    const variant = control.folder.write(
      "web-01/second.conf",
      `${readFileSync(config, "utf8").replace(/^port = .*$/m, `port = ${port}`)}`,
    );
    const child = Bun.spawn(
      [programPath("ctrl-exec-agent"), "serve", "--config", variant, "--log", control.log.path],
      {
        env: { PATH: "/usr/bin:/bin", ...env },
        cwd,
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    await control.log.seen("start", ({ PORT }) => PORT === String(port));
    expect((await control.run("ping", [`127.0.0.1:${port}`])).status).toBe(0);
    const stranger = await other.run("ping", [`127.0.0.1:${port}`]);
    expect(stranger.status).toBe(1);
    // The stranger refuses first, so it is tried without its check as well.
    const answer = await runCommand([
      "sh",
      "-c",
      `printf 'POST /ping HTTP/1.0\\r\\nContent-Length: 2\\r\\n\\r\\n{}' | openssl s_client -quiet -connect 127.0.0.1:${port} -cert ${other.folder.join("control", "ctrl-exec.crt")} -key ${other.folder.join("control", "ctrl-exec.key")}`,
    ]);
    expect(answer.out).not.toContain("HTTP/1");
    child.kill();
    expect(await new Response(child.stdout).text()).toBe("");
    expect(await new Response(child.stderr).text()).toBe("");
    expect(existsSync(`${cwd}/preloaded`)).toBe(false);
  });

  test("do not change a pairing", async () => {
    const { env, cwd, trap } = await hostile();
    await using _ = trap;
    const extra = await control.addAgent("web-03");
    const args = [
      ...extra.pairingArgs(await control.pairingPort()),
      `--ca-fingerprint=${control.caFingerprint}`,
    ];
    const waiting = extra.run("request-pairing", args, { env, cwd });
    await control.mustRun("approve", [await control.requestFor("web-03")], { env, cwd });
    expect((await waiting).status).toBe(0);
    expect(trap.connections).toBe(0);
    expect(existsSync(`${cwd}/preloaded`)).toBe(false);
  });

  const trap = (name: string) => control.folder.join(`runtime-${name}`);
  const program = (name: string) =>
    control.folder.write(
      `runtime-${name}.js`,
      `require("node:fs").writeFileSync(${JSON.stringify(trap(name))}, "");`,
    );
  /** What makes any other binary of this runtime run a file's code, or write a file. */
  const orders: Readonly<Record<string, (name: string) => string>> = {
    BUN_OPTIONS: (name) => `--preload=${program(name)}`,
    BUN_BE_BUN: () => "1",
    BUN_INSPECT: () => "127.0.0.1:0?wait=1",
    BUN_INSPECT_CONNECT_TO: (name) => trap(name),
    BUN_INSPECT_PRELOAD: program,
    BUN_CONFIG_PRELOAD: program,
    BUN_BYTECODE_ORDER_OUT: trap,
    BUN_BYTECODE_ORDER_NAMES_OUT: trap,
    BUN_BYTECODE_DIGEST_OUT: trap,
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: trap,
    BUN_WATCHER_TRACE: trap,
    NODE_OPTIONS: (name) => `--require=${program(name)}`,
    NODE_CHANNEL_FD: () => "2",
    NODE_REDIRECT_WARNINGS: trap,
    NODE_V8_COVERAGE: trap,
    NODE_COMPILE_CACHE: trap,
  };

  describe("orders to the runtime", () => {
    /** What each program says without any. */
    const clean = new Map<ProgramName, Finished>();
    beforeAll(async () => {
      for (const called of PROGRAMS) clean.set(called, await runProgram(called, ["--version"]));
    });

    test.each(Object.keys(orders))("T62 %s is not one", async (name) => {
      const env = { [name]: orders[name]?.(name) ?? "" };
      for (const called of PROGRAMS) {
        const said = await runProgram(called, ["--version"], { env });
        expect(said, called).toEqual(clean.get(called) as Finished);
      }
      const pinged = await control.run("ping", ["web-01", "--json"], { env });
      expect(pinged.err).toBe("");
      expect(JSON.parse(pinged.out)).toMatchObject({ ok: 1 });
      expect(existsSync(trap(name))).toBe(false);
    });
  });

  test.each([
    "functionOverrides",
    "dumpJITMemoryPath",
    "jitDumpDirectory",
    "configFile",
    "useDollarVM",
    "dumpOptions",
    // As the names stand in the binary now.
    "=unctionOverrides",
    "",
  ])("T62 BUN_JSC_%s is not an option of the engine: the program does not start", async (name) => {
    const env = { [`BUN_JSC_${name}`]: trap(name) };
    for (const called of PROGRAMS) {
      const { status, out, err } = await runProgram(called, ["--version"], { env });
      expect([status, out]).toEqual([1, ""]);
      expect(err).toContain("invalid JSC environment variable");
    }
    expect(existsSync(trap(name))).toBe(false);
  });

  test("T62 BUN_BE_BUN does not make it an interpreter of what the caller types", async () => {
    const env = { BUN_BE_BUN: "1" };
    const typed = await runProgram("ctrl-exec", [program("typed")], { env });
    expect(typed.status).toBe(2);
    expect(existsSync(trap("typed"))).toBe(false);
  });

  test("a missing USER is the user id's name, not an error", async () => {
    const command = `unset USER; exec "$@"`;
    const args = control.withSetting(["run", "web-01", "context"]);
    const { status, out } = await runCommand([
      "sh",
      "-c",
      command,
      "sh",
      programPath("ctrl-exec"),
      ...args,
    ]);
    expect(status).toBe(0);
    const user = Bun.spawnSync(["id", "-un"]).stdout.toString().trim();
    expect(out).toContain(`"username":"${user}"`);
  });
});

describe("T27 a token", () => {
  test("from the environment reaches the script, but no log, screen, process list or file", async () => {
    const env = { ENVEXEC_TOKEN: SECRET };
    const child = Bun.spawn(
      [programPath("ctrl-exec"), ...control.withSetting(["run", "web-01", "wait", "--json"])],
      { env: { PATH: "/usr/bin:/bin", USER: "tester", ...env }, stdout: "pipe", stderr: "pipe" },
    );
    await until("the script runs", () => existsSync(control.folder.join("waits")));
    const commandLines = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return (
            readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/comm`, "utf8")
          );
        } catch {
          return "";
        }
      });
    expect(commandLines.some((line) => line.includes("wait.sh"))).toBe(true);
    expect(commandLines.filter((line) => line.includes(SECRET))).toEqual([]);
    control.folder.write("go", "");
    expect(await child.exited).toBe(0);
    const context = await control.run("run", ["web-01", "context"], { env });
    expect(context.out).toContain(`"token":"${SECRET}"`);
    const failed = await control.run("run", ["127.0.0.1:1", "unlisted-script"], { env });
    const said = [
      await new Response(child.stdout).text(),
      await new Response(child.stderr).text(),
      failed.out,
      failed.err,
      agent.serving.err,
      ...control.log.lines.map(({ raw }) => raw),
    ];
    expect(said.join("\n")).not.toContain(SECRET);
    const files = readdirSync(control.folder.path, { recursive: true, withFileTypes: true });
    // What the script itself prints is its output, and kept as that.
    const ours = files.filter((entry) => entry.isFile() && entry.name !== "stdout");
    for (const file of ours) {
      expect(readFileSync(`${file.parentPath}/${file.name}`, "latin1")).not.toContain(SECRET);
    }
  });

  test("does not stand in any error text", async () => {
    for (const args of [
      ["run", "web-01", "web-01", "context"],
      ["run", "not_a_host", "context"],
      ["ping", "127.0.0.1:1"],
      ["run", "web-01", "context", "--no-such-option"],
    ]) {
      const end = await runProgram(
        "ctrl-exec",
        control.withSetting([...args, `--token=${SECRET}`]),
      );
      expect(end.status).not.toBe(0);
      expect(end.out + end.err).not.toContain(SECRET);
    }
  });
});
