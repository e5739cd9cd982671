/**
 * What a parent leaves behind (signals ignored and blocked, limits, the score of the OOM killer), in the
 * programs, and in what their scripts and hooks find.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { cleanEnvironment, programPath, Running, type RunOptions } from "../../support/binary.ts";
import { readDocument } from "../../support/documents.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { TestFolder } from "../../support/folder.ts";
import { handOver, LIMITED_USER } from "../../support/process-limit.ts";

/** Whatever a process inherits that is not its environment or its arguments, as a process sees it. */
const REPORT = [
  "grep -E '^(Sig(Blk|Ign|Cgt)|Umask|Cpus_allowed_list|NoNewPrivs|Seccomp)' /proc/self/status",
  "cat /proc/self/limits",
  "echo score $(cat /proc/self/oom_score_adj)",
  "echo nice $(nice)",
  "echo dump $(cat /proc/self/coredump_filter) personality $(cat /proc/self/personality)",
  "echo fds $(ls /proc/self/fd)",
  "echo cwd $(pwd)",
  "(yes; echo pipe $? >&2) 2>&1 >/dev/full | tail -1 >/dev/null",
].join("\n");

const FILES = 300;

/** A parent that leaves behind what it can. */
const ODD_PARENT = [
  "sh",
  "-ec",
  [
    // Not every root may protect a process.
    "for score in -300 300; do echo $score 2>/dev/null > /proc/self/oom_score_adj && break; done",
    `ulimit -S -n ${FILES}; ulimit -S -c 4; umask 027`,
    // Not before: a shell sets some of them itself.
    'exec env --ignore-signal=CHLD,PIPE,USR1,ALRM --block-signal=TERM,INT,HUP,CHLD,USR2 nice -n 3 "$@"',
  ].join("; "),
  "sh",
];
const ODD: RunOptions = { startedBy: ODD_PARENT, user: LIMITED_USER };

const scoreOf = (pid: number) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"));

/** The score that the odd parent leaves behind. */
function scoreLeft(): number {
  return Number(Bun.spawnSync([...ODD_PARENT, "cat", "/proc/self/oom_score_adj"]).stdout);
}

/** What somebody finds whom a parent starts that leaves the same behind, but no signals and no score. */
function expectedReport(score: number): string {
  const shell = `ulimit -S -n ${FILES}; ulimit -S -c 4; umask 027; exec nice -n 3 sh -c "$1"`;
  // A script's descriptors, session and folder are its own.
  const { stdout } = Bun.spawnSync(["sh", "-ec", shell, "sh", REPORT], {
    cwd: "/",
    stdin: "ignore",
  });
  return stdout.toString().replace(/^score .*$/m, `score ${Math.max(0, score)}`);
}

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  agent = await control.addAgent("web-01", { scripts: { report: REPORT, fail: "exit 7" } });
  await agent.pair();
  hookIn("web-01");
  handOver(agent.path("."));
});
afterEach(async () => {
  await agent.stop();
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** A hook that says yes and writes the report beside itself. */
function hookIn(folder: string): string {
  return control.folder.script(`${folder}/hook`, `{\n${REPORT}\n} > "$(dirname "$0")/reported"`);
}

/** What the hook in the folder found the last time. */
function reportedIn(folder: string): string {
  const file = control.folder.join(folder, "reported");
  const text = readFileSync(file, "utf8");
  rmSync(file);
  return text;
}

const expectGoodSignals = (report: string) => {
  // 32 and 33 are the C library's own: no program can set them, and the process of the tests may pass them on.
  expect(report).toMatch(/^SigIgn:\s+0+[01][08]0{7}$/m);
  expect(report).toMatch(/^SigBlk:\s+0+$/m);
};

/** The mark of a job, and of an agent that is none, is a limit that nobody reaches: over a hundred thousand years. */
function withoutMark(report: string): string {
  return report.replace(/^(Max realtime timeout +)\d{19} /m, "$1unlimited           ");
}

describe("the agent", () => {
  test("its scripts and hook find what it was started with, and every signal as it should be", async () => {
    agent.writeConfig([`auth_hook = ${agent.path("hook")}`]);
    const running = await agent.serve(ODD);
    const { pid } = running.child;
    const score = scoreOf(pid);
    expect(score).not.toBe(0);
    const { status, out } = await control.run("run", ["web-01", "report", "--json"]);
    expect(status).toBe(0);
    const [{ stdout }] = JSON.parse(out).results;
    expect(withoutMark(stdout)).toBe(expectedReport(score));
    expectGoodSignals(stdout);
    expect(withoutMark(reportedIn("web-01"))).toBe(withoutMark(stdout));
    // What protects the agent still does.
    expect(scoreOf(pid)).toBe(score);
  });

  test("with SIGCHLD ignored it knows how each script ended", async () => {
    agent.writeConfig([]);
    await agent.serve(ODD);
    const { out } = await control.run("run", ["web-01", "fail", "--json"]);
    expect(JSON.parse(out).results).toMatchObject([{ exit: 7 }]);
  });

  test("with signals blocked it reloads and ends when it is told to", async () => {
    const running = await agent.serve(ODD);
    running.child.kill("SIGHUP");
    await running.seen(/ACTION=reload/);
    expect(await agent.stop()).toBe(0);
  });
});

describe("the control host", () => {
  const config = () => control.folder.join("control", "ctrl-exec.conf");

  beforeAll(async () => {
    await control.stopPairing();
    control.addLines([`auth_hook = ${hookIn("control")}`]);
    handOver(control.folder.join("control"));
  });

  test("the hook of a command finds what the command was started with", async () => {
    await agent.serve({ user: LIMITED_USER });
    const { out } = await control.run("run", ["web-01", "fail", "--json"], ODD);
    expect(JSON.parse(out).results).toMatchObject([{ exit: 7 }]);
    const report = reportedIn("control");
    expectGoodSignals(report);
    expect(report).toBe(expectedReport(scoreLeft()));
  });

  test("a command has files for as many hosts as the hard limit allows", async () => {
    const hosts = Array.from({ length: FILES }, (_, n) => `127.0.1.${n % 250}:${n + 1}`);
    const { out } = await control.run("run", [...hosts, "any"], ODD);
    expect(out.match(/ERROR: connection refused by/g)).toHaveLength(FILES);
  });

  test("a command ends when it is told to, although its parent blocked that", async () => {
    const go = agent.path("go");
    control.folder.script("web-01/scripts/fail.sh", `until [ -e ${go} ]; do sleep 0.05; done`);
    await agent.serve({ user: LIMITED_USER });
    const args = control.withSetting(["run", "web-01", "fail"]);
    const running = new Running("ctrl-exec", args, ODD);
    await control.log.seen("dispatch", () => true);
    expect(await running.stop()).not.toBe(0);
    control.folder.write("web-01/go", "");
  });

  test("the hook of the API as well, and the API ends when it is told to", async () => {
    const host = { ...control, config: config() } as ControlHost;
    await using api = await TestApi.start(host, "http", {}, ODD);
    const { pid } = api.running.child;
    const score = scoreOf(pid);
    expect((await api.post("/run", { hosts: ["none"], script: "x" })).status).not.toBe(403);
    const report = reportedIn("control");
    expectGoodSignals(report);
    expect(report).toBe(expectedReport(score));
    expect(scoreOf(pid)).toBe(score);
    api.running.child.kill("SIGHUP");
    await api.running.seen(/ACTION=api-reload/);
    expect(await api.running.stop()).toBe(0);
  });

  test("pairing-mode ends when it is told to", async () => {
    const pairing = new Running("ctrl-exec", control.withSetting(["pairing-mode"]), ODD);
    await pairing.seen(/Waiting for pairing requests/);
    expect(await pairing.stop()).toBe(0);
  });
});

test("from a folder in which the runtime does not start it says what docs/TROUBLESHOOTING.md has", () => {
  const troubles = readDocument("docs/TROUBLESHOOTING.md");
  const long = `for i in $(seq 25); do d=$(printf '%0200d' 0); mkdir $d; cd -P $d; done`;
  for (const go of ["mkdir gone; cd gone; rmdir ../gone", long]) {
    using folder = new TestFolder();
    const command = ["sh", "-c", `${go}; exec "$@"`, "sh", programPath("ctrl-exec"), "--version"];
    const { exitCode, stderr } = Bun.spawnSync(command, {
      cwd: folder.path,
      env: cleanEnvironment(),
    });
    expect(exitCode).toBe(1);
    const [message = ""] =
      /(The current working directory was deleted|An unknown error.*)/.exec(stderr.toString()) ??
      [];
    expect(message).not.toBe("");
    expect(troubles).toContain(`\`${message}\``);
  }
});
