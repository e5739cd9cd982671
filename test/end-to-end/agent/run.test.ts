import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { newRequestId } from "../../../src/core/request-id.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { childrenOf, isAlive, procText } from "../../support/processes.ts";
import {
  ask,
  controllerIdentity,
  get,
  type Identity,
  inParallel,
  jsonOf,
  openTls,
  post,
} from "../../support/raw-agent.ts";

let control: ControlHost;
let agent: TestAgent;
let good: Identity;

const SCRIPTS = {
  args: 'for arg; do printf "%s\\0" "$arg"; done | od -An -v -tx1 | tr -d " \\n"',
  env: "env | sort",
  context: "cat",
  deaf: "exec 0<&-; echo done",
  never: "echo done",
  bytes: "printf '\\377\\376\\000ok'",
  flood: "head -c 300000000 /dev/zero; echo end >&2",
  small: "head -c 30000000 /dev/zero",
  killed: "kill -KILL $$",
  stubborn: "trap '' TERM; echo $$ >$1; sleep 60",
  holder: "sleep 60 & echo $! >$1; echo done",
  daemon: "setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $! >$1; echo done",
  tree: "sleep 61 & echo $! >$1; wait",
  wait: "touch $2; while ! test -e $1; do sleep 0.1; done; echo $3",
  self: "echo $0",
  killed_reading: "head -c 10 >/dev/null; kill -KILL $$",
  killed_writing: "head -c 200000 /dev/zero; kill -KILL $$",
  killed_behind: "exec >&- 2>&-; kill -KILL $$",
  killed_group: "sleep 60 & kill -KILL 0",
  closed: "exec 0<&- 1>&- 2>&-; sleep 0.1; exit 5",
  forks: `setsid sh -c 'setsid sh -c "echo \\$\\$ >$0; exec sleep 60" &' $1 & exit 6`,
} as const;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", {
    scripts: SCRIPTS,
    config: ["max_output = 1M", "stdin_timeout = 1"],
    env: {
      BASH_ENV: "/tmp/x",
      LD_LIBRARY_PATH: "/tmp",
      NODE_OPTIONS: "--x",
      ENVEXEC_TOKEN: "s3cr3t",
    },
    allowlist: ["folder = /tmp", "missing = /nonexistent/script"],
  });
  const path = (name: string) => agent.path(`scripts/${name}.sh`);
  agent.writeAllowlist([
    ...Object.keys(SCRIPTS).map((name) => `${name} = ${path(name)}`),
    "missing = /nonexistent/script",
    `timed = ${path("stubborn")} timeout=1`,
    `timed_tree = ${path("tree")} timeout=1`,
    `little = ${path("small")} max_output=1000`,
    `once = ${path("wait")} concurrency=1`,
    `noshebang = ${control.folder.write("web-01/scripts/noshebang", "echo hi\n", 0o755)}`,
    `nointerpreter = ${control.folder.write("web-01/scripts/noint", "#!/nonexistent/sh\n", 0o755)}`,
  ]);
  agent.serving.child.kill("SIGHUP");
  await agent.serving.seen(/ACTION=reload/);
  good = controllerIdentity(control);
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

async function run(script: string, args: readonly string[] = [], more: object = {}) {
  const request = { script, args, reqid: newId(), ...more };
  return jsonOf(await ask(agent.port, good, post("/run", request)));
}

/** Of the next request. */
let newId = newRequestId;

/** The children of the agent and the zombies of its shim, which lives on and takes in what scripts leave running. */
function children(): number[] {
  const { pid } = agent.serving.child;
  return childrenOf(pid).flatMap((child) =>
    isShim(child) ? childrenOf(child).filter((left) => !isAlive(left)) : child,
  );
}

function isShim(pid: number): boolean {
  return procText(pid, "comm") === "ctrl-exec-shim\n";
}

const readPid = (file: string) => Number(readFileSync(file, "utf8"));
const fresh = (() => {
  let count = 0;
  return () => control.folder.join(`file-${count++}`);
})();

test("T13 script_dirs holds against links and .., and what others can change is not run", async () => {
  const dir = control.folder.join("allowed");
  const inside = control.folder.script("allowed/in.sh", "echo inside");
  const outside = control.folder.script("outside/out.sh", "echo outside");
  symlinkSync(outside, join(dir, "leads-out"));
  symlinkSync(inside, control.folder.join("outside", "leads-in"));
  symlinkSync(control.folder.join("outside"), join(dir, "folder-out"));
  const open = control.folder.write("allowed/open.sh", "#!/bin/sh\n", 0o777);
  const group = control.folder.write("allowed/group.sh", "#!/bin/sh\n", 0o775);
  mkdirSync(join(dir, "wide"));
  const below = control.folder.script("allowed/wide/below.sh", "echo below");
  chmodSync(join(dir, "wide"), 0o777);
  const other = await control.startAgent("web-02", {
    config: [`script_dirs = ${dir}`],
    allowlist: [
      `inside = ${inside}`,
      `leads_in = ${control.folder.join("outside", "leads-in")}`,
      `outside = ${outside}`,
      `dots = ${dir}/../outside/out.sh`,
      `prefix = ${dir}-evil/x.sh`,
      `leads_out = ${join(dir, "leads-out")}`,
      `folder_out = ${join(dir, "folder-out", "out.sh")}`,
      `open = ${open}`,
      `group = ${group}`,
      `below = ${below}`,
    ],
  });
  const runOn = async (script: string) =>
    jsonOf(await ask(other.port, good, post("/run", { script, args: [], reqid: "bb" })));
  for (const script of ["inside", "leads_in"]) {
    expect([script, (await runOn(script)).stdout]).toEqual([script, "inside\n"]);
  }
  const refused = [
    "outside",
    "dots",
    "prefix",
    "leads_out",
    "folder_out",
    "open",
    "group",
    "below",
  ];
  for (const script of refused) {
    expect([script, (await runOn(script)).error]).toEqual([script, "script not permitted"]);
  }
  await other.serving.seen(/ACTION=deny .*REASON=".*open\.sh can be written by /);
  await other.serving.seen(/ACTION=deny .*SCRIPT=below$/m);
  expect(other.serving.err).not.toMatch(/ACTION=run .*SCRIPT=(?!inside|leads_in)/);
  // Outside script_dirs is not even listed; what others can write is listed and would not run.
  const { scripts } = jsonOf(await ask(other.port, good, get("/capabilities")));
  expect(scripts).toEqual([
    { name: "inside", path: inside, executable: true },
    { name: "leads_in", path: expect.any(String), executable: true },
    { name: "open", path: open, executable: false },
    { name: "group", path: group, executable: false },
    { name: "below", path: below, executable: false },
  ]);
  // Swapped for a link that leads out after it was loaded.
  const evil = control.folder.join("outside", "link");
  symlinkSync(outside, evil);
  renameSync(evil, inside);
  expect((await runOn("inside")).error).toBe("script not permitted");
});

describe.each([
  ["as a job", newRequestId],
  ["without a folder, since its id is none", () => "aa"],
])("%s", (_, id) => {
  beforeAll(() => {
    newId = id;
  });

  test("T11 arguments arrive byte for byte, and no shell sees them", async () => {
    const args = [
      "a b",
      "",
      'it\'s "quoted"',
      "line\nbreak",
      "$(touch /tmp/x); `id` | & > * ?",
      "-rf",
      "--",
      "\\",
      "ümlaut ☃ 𝄞",
      "\u001b[31m",
      "x".repeat(100_000),
    ];
    const { stdout, exit } = await run("args", args);
    expect(exit).toBe(0);
    expect(stdout).toBe(Buffer.from(args.map((arg) => `${arg}\0`).join("")).toString("hex"));
  });

  test("T11 what no program can be given is refused in words", async () => {
    expect(await run("args", ["a\u0000b"])).toMatchObject({
      exit: -1,
      error: "an argument holds a NUL byte, which no program can be given",
    });
    for (const arg of ["\ud800", "a\udc00b"]) {
      expect(await run("args", [arg])).toMatchObject({
        exit: -1,
        error: "an argument holds half a character, which has no bytes",
      });
    }
    expect(await run("args", ["x".repeat(200_000)])).toMatchObject({
      exit: 126,
      error: expect.stringMatching(/arguments are longer than this system allows$/),
    });
  });

  test("T12 the script's environment is built, not inherited", async () => {
    const { stdout } = await run("env", [], { token: "s3cr3t", username: "alice" });
    const names = String(stdout)
      .split("\n")
      .map((line) => line.split("=")[0])
      .filter((name) => !["", "_", "PWD", "SHLVL", "OLDPWD"].includes(name ?? ""));
    expect(names.sort()).toEqual(["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER"]);
  });

  test("the script gets its context as one JSON object on stdin", async () => {
    const { stdout } = await run("context", ["a b"], { username: "alice", token: "t0ken" });
    expect(JSON.parse(String(stdout))).toEqual({
      script: "context",
      args: ["a b"],
      reqid: expect.any(String),
      peer_ip: "127.0.0.1",
      username: "alice",
      token: "t0ken",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  });

  test("a script knows itself by the path it is listed under", async () => {
    expect((await run("self")).stdout).toBe(`${agent.path("scripts/self.sh")}\n`);
  });

  test("T14 whatever a script does, the agent stays up and nothing of it is left", async () => {
    const pid = agent.serving.child.pid;
    const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
    await run("never");
    const before = descriptors();
    const long = ["x".repeat(120_000), "y".repeat(120_000), "z".repeat(120_000)];

    // Reads nothing, with more than a pipe holds waiting for it.
    expect(await run("never", long)).toMatchObject({ exit: 0, stdout: "done\n" });
    expect(await run("deaf", long)).toMatchObject({ exit: 0, stdout: "done\n" });
    expect(await run("bytes")).toMatchObject({
      exit: 0,
      stdout_b64: Buffer.from([255, 254, 0, 111, 107]).toString("base64"),
    });
    expect(await run("killed")).toMatchObject({ exit: 126, signal: "SIGKILL" });
    const [held, daemon] = [fresh(), fresh()];
    expect(await run("holder", [held])).toMatchObject({ exit: 0, stdout: "done\n" });
    expect(await run("daemon", [daemon])).toMatchObject({ exit: 0, stdout: "done\n" });
    const stubborn = fresh();
    expect(await run("timed", [stubborn])).toMatchObject({
      exit: 126,
      signal: "SIGKILL",
      timed_out: true,
      error: "script timed out after 1s and was ended",
    });
    const leaf = fresh();
    expect(await run("timed_tree", [leaf])).toMatchObject({ timed_out: true });
    // It was sent a signal that nobody outlives; going takes it a moment.
    await until("what it started is gone", () => !isAlive(readPid(leaf)));

    expect(await run("never")).toMatchObject({ exit: 0 });
    await until("its descriptors are back", () => descriptors() <= before);
    expect(children()).toEqual([]);
    // A background process is the script's own affair.
    for (const file of [held, daemon]) process.kill(readPid(file), "SIGKILL");
  });

  test("T14 a script that is killed at any moment, closes everything or forks twice leaves nothing", async () => {
    const pid = agent.serving.child.pid;
    const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
    await run("never");
    const before = descriptors();
    const long = ["x".repeat(120_000), "y".repeat(120_000)];
    const forks = Array.from({ length: 5 }, fresh);
    const ended = async (script: string, args: readonly string[] = []) => {
      const { exit, signal } = await run(script, args);
      return [script, exit, signal];
    };
    const results = await inParallel(30, 10, async (n) => {
      const round = Math.floor(n / 6);
      if (n % 6 === 0) return await ended("killed_reading", long);
      if (n % 6 === 1) return await ended("killed_writing", long);
      if (n % 6 === 2) return await ended("killed_behind", long);
      if (n % 6 === 3) return await ended("killed_group");
      if (n % 6 === 4) return await ended("closed", long);
      return await ended("forks", [forks[round] ?? ""]);
    });
    const killed = (script: string) => [script, 126, "SIGKILL"];
    expect(results.slice(0, 6)).toEqual([
      killed("killed_reading"),
      killed("killed_writing"),
      killed("killed_behind"),
      killed("killed_group"),
      ["closed", 5, undefined],
      ["forks", 6, undefined],
    ]);
    expect(new Set(results.map(String)).size).toBe(6);
    await until("its descriptors are back", () => descriptors() <= before);
    expect(children()).toEqual([]);
    for (const file of forks) {
      await until("it has told its number", () => existsSync(file) && readPid(file) > 0);
      process.kill(readPid(file), "SIGKILL");
    }
  });

  test("T14 hundreds of runs leave no descriptor, no child and no zombie", async () => {
    const pid = agent.serving.child.pid;
    const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
    await run("never");
    const before = descriptors();
    const results = await inParallel(400, 25, async () => (await run("never")).exit);
    expect(new Set(results)).toEqual(new Set([0]));
    await until("its descriptors are back", () => descriptors() <= before);
    expect(children()).toEqual([]);
  });

  test("a script that leaves its context unread beyond stdin_timeout is logged, and goes on", async () => {
    const [go, begun] = [fresh(), fresh()];
    const pad = "x".repeat(120_000);
    const running = run("wait", [go, begun, "done", pad, pad, pad]);
    await until("it runs", () => existsSync(begun));
    await agent.serving.seen(/ACTION=stdin-timeout BYTES=36\d{4} REQID=[0-9a-f]+ SCRIPT=wait/);
    control.folder.write(go.slice(control.folder.path.length + 1), "");
    expect(await running).toMatchObject({ exit: 0, stdout: "done\n" });
  });

  test("T15 huge output is cut, the result says by how much, and memory stays bounded", async () => {
    const big = await run("flood");
    expect(big).toMatchObject({
      exit: 0,
      stdout_dropped: 300_000_000 - 1_048_576,
      stderr: "end\n",
    });
    expect(String(big.stdout)).toHaveLength(1_048_576);
    const small = await run("little");
    expect(small).toMatchObject({ exit: 0, stdout_dropped: 30_000_000 - 1000 });
    const rss = Number(
      /^VmHWM:\s+(\d+) kB/m.exec(
        readFileSync(`/proc/${agent.serving.child.pid}/status`, "utf8"),
      )?.[1],
    );
    expect(rss).toBeLessThan(300_000);
    const shown = await control.run("run", ["web-01", "little"]);
    expect(shown.out).toMatch(/^ {4}CUT: 28\.6 MiB of stdout dropped$/m);
  });

  test("T16 a caller that goes away does not stop the script, and its end is logged", async () => {
    const [go, begun] = [fresh(), fresh()];
    const socket = openTls(agent.port, good);
    socket.on("error", () => undefined);
    socket.write(post("/run", { script: "wait", args: [go, begun, "x"], reqid: "9017e" }));
    await until("it runs", () => existsSync(begun));
    socket.destroy();
    expect(await run("never")).toMatchObject({ exit: 0 });
    control.folder.write(go.slice(control.folder.path.length + 1), "");
    await agent.serving.seen(/ACTION=run EXIT=0 PEER=127\.0\.0\.1 REQID=9017e SCRIPT=wait/);
  });

  test("T17 a request id that is not valid is logged as text and is not a path", async () => {
    const reqid = "../../../etc/x";
    expect(await run("never", [], { reqid })).toMatchObject({ exit: 0, reqid });
    await agent.serving.seen(
      /ACTION=run EXIT=0 PEER=127\.0\.0\.1 REQID=\.\.\/\.\.\/\.\.\/etc\/x SCRIPT=never/,
    );
  });

  test("T18 runs at once share nothing", async () => {
    const results = await inParallel(40, 10, async (index) => {
      const pad = "x".repeat(index * 1000);
      const { stdout } = await run("context", [`${index}`, pad], { username: `user${index}` });
      const { args, username } = JSON.parse(String(stdout));
      return [args[0], args[1].length, username];
    });
    expect(results).toEqual(
      Array.from({ length: 40 }, (_, index) => [`${index}`, index * 1000, `user${index}`]),
    );
  });

  test("concurrency refuses one run too many with a clear error, and allows the next", async () => {
    const [go, begun] = [fresh(), fresh()];
    const first = run("once", [go, begun, "first"]);
    await until("it runs", () => existsSync(begun));
    expect(await run("once", [go, begun, "second"])).toMatchObject({
      exit: -1,
      error: "once runs already (concurrency=1); try again when it has ended",
    });
    expect(await run("wait", ["/", fresh(), "other"])).toMatchObject({ stdout: "other\n" });
    control.folder.write(go.slice(control.folder.path.length + 1), "");
    expect(await first).toMatchObject({ stdout: "first\n" });
    expect(await run("once", [go, begun, "third"])).toMatchObject({ stdout: "third\n" });
  });

  test("a timeout is reported on the controller's screen and in its JSON", async () => {
    const shown = await control.run("run", ["web-01", "timed_tree", "--", fresh()]);
    expect(shown.out).toContain("    ERROR: script timed out after 1s and was ended\n");
    expect(shown.status).toBe(1);
    const json = await control.run("run", ["web-01", "timed_tree", "--json", "--", fresh()]);
    expect(JSON.parse(json.out).results[0]).toMatchObject({
      timed_out: true,
      exit: 126,
      state: "ended",
    });
  });

  test("a script that cannot be executed is exit 126 and a reason", async () => {
    const reasons = {
      missing: /cannot execute \/nonexistent\/script: no such file/,
      noshebang: /cannot execute .*: it has no #! line and is no program/,
      nointerpreter: /cannot execute .*: no such file, or its interpreter is missing/,
    };
    for (const [script, reason] of Object.entries(reasons)) {
      const { exit, error } = await run(script);
      expect([script, exit]).toEqual([script, 126]);
      expect(error).toMatch(reason);
    }
  });
});
