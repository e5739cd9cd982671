/**
 * The runner behind `make test`: runs each stage with its output shown whole, all of them even when
 * an earlier one failed, and ends with "N passed, N failed" alone on the last line.
 *
 *   bun test/run.ts [stage...]      all stages when none is named
 *
 * A static stage counts as one test. Test stages count what ran, as JUnit reports it; a skipped test
 * counts as failed, because nothing may be left out in silence. Exit status 1 when anything failed
 * or nothing ran.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { PlaceOfFolders } from "./support/place-of-folders.ts";

const ROOT = join(import.meta.dir, "..");
/** Two for each processor: many a test waits for a deadline, or for a program that it has started. */
const WORKERS = 2 * availableParallelism();
const TEST_TIMEOUT_MS = 60_000;
/** Ends a stage that hangs where no test's own time-out reaches: in a loop, or after the last test. */
const STAGE_TIMEOUT_MS = 30 * 60_000;

/**
 * Files that take longest, with about how many seconds beside three others: they are started first, so that no
 * processor is idle while the last one runs. Every other file takes less than twenty.
 */
const LONG: Readonly<Record<string, number>> = {
  "test/end-to-end/agent/door.test.ts": 58,
  "test/end-to-end/agent/files.test.ts": 39,
  "test/end-to-end/agent/links.test.ts": 22,
  "test/end-to-end/agent/reload.test.ts": 28,
  "test/end-to-end/agent/run.test.ts": 55,
  "test/end-to-end/api/access.test.ts": 50,
  "test/end-to-end/api/contract.test.ts": 42,
  "test/end-to-end/api/events.test.ts": 70,
  "test/end-to-end/api/fleet.test.ts": 46,
  "test/end-to-end/api/lifecycle.test.ts": 54,
  "test/end-to-end/api/refusals.test.ts": 66,
  "test/end-to-end/compatibility/takeover.test.ts": 25,
  "test/end-to-end/fleet/hostile-answers.test.ts": 47,
  "test/end-to-end/fleet/typed-examples.test.ts": 73,
  "test/end-to-end/fleet/unreachable.test.ts": 24,
  "test/end-to-end/fleet/upgrade.test.ts": 68,
  "test/end-to-end/fleet/verbs-with-expressions.test.ts": 23,
  "test/end-to-end/install/container.test.ts": 50,
  "test/end-to-end/install/install-layout.test.ts": 120,
  "test/end-to-end/install/install.test.ts": 220,
  "test/end-to-end/install/lent-rights.test.ts": 23,
  "test/end-to-end/install/release.test.ts": 28,
  "test/end-to-end/install/sudo.test.ts": 51,
  "test/end-to-end/pairing/code.test.ts": 21,
  "test/end-to-end/pairing/console.test.ts": 30,
  "test/end-to-end/pairing/join.test.ts": 83,
  "test/end-to-end/pairing/pairing.test.ts": 31,
  "test/end-to-end/pairing/requests.test.ts": 33,
  "test/end-to-end/process/crash.test.ts": 89,
  "test/end-to-end/process/descriptors.test.ts": 37,
  "test/end-to-end/process/environment.test.ts": 32,
  "test/end-to-end/process/full-disk.test.ts": 34,
  "test/end-to-end/rotation/controller-files.test.ts": 68,
  "test/end-to-end/rotation/rotation.test.ts": 47,
  "test/end-to-end/rotation/setup.test.ts": 39,
  "test/end-to-end/run/cancel-trees.test.ts": 26,
  "test/end-to-end/run/detached-rollout.test.ts": 111,
  "test/end-to-end/run/hooks.test.ts": 35,
  "test/end-to-end/run/jobs.test.ts": 36,
  "test/end-to-end/run/kills.test.ts": 44,
  "test/end-to-end/run/let-go.test.ts": 22,
  "test/end-to-end/run/live.test.ts": 20,
  "test/end-to-end/run/long-output.test.ts": 130,
  "test/end-to-end/run/rollout.test.ts": 39,
  "test/end-to-end/run/run-failures.test.ts": 29,
  "test/end-to-end/run/run.test.ts": 56,
  "test/end-to-end/run/streams.test.ts": 43,
  "test/end-to-end/run/suspended.test.ts": 64,
  "test/end-to-end/run/unread.test.ts": 42,
  "test/end-to-end/run/way-back.test.ts": 22,
  "test/end-to-end/screen/completions.test.ts": 85,
  "test/end-to-end/screen/config.test.ts": 25,
  "test/end-to-end/screen/demo.test.ts": 20,
  "test/end-to-end/screen/documents.test.ts": 31,
  "test/end-to-end/screen/help.test.ts": 23,
  "test/end-to-end/screen/usage.test.ts": 29,
  "test/unit/agent/http/requests.test.ts": 21,
  "test/unit/controller/store/file-store.test.ts": 46,
  "test/unit/controller/upkeep/maintenance-five-years.test.ts": 26,
  "test/unit/controller/upkeep/rotation.test.ts": 24,
  "test/unit/system/net/http-server.test.ts": 30,
  "test/unit/system/process/run-process.test.ts": 24,
};

type Counts = { passed: number; failed: number };
type Outcome = Counts & { elapsedMs: number };
/** Shows what a stage prints, to its end. */
type Finish = () => Promise<Outcome>;
type Stage = { name: string; title: string; begin: () => Finish };

/** More than there are processors would look at the same types again. */
const CHECKERS = String(Math.min(4, availableParallelism()));
const BIOME = "node_modules/@biomejs/biome/bin/biome";
const stages: readonly Stage[] = [
  {
    name: "format",
    title: "Formatting",
    begin: () => check(bun(BIOME, "check", "--linter-enabled=false", ".")),
  },
  {
    name: "lint",
    title: "Lint rules",
    begin: () => check(bun(BIOME, "lint", "--error-on-warnings", ".")),
  },
  {
    name: "types",
    title: "Types",
    begin: () => check(bun("node_modules/typescript/bin/tsc", "--noEmit", "--checkers", CHECKERS)),
  },
  {
    name: "architecture",
    title: "Import direction",
    begin: () => tests((file) => file.startsWith("test/architecture/")),
  },
  {
    name: "unit",
    title: "Unit tests",
    begin: () => tests((file) => !/^test\/(architecture|end-to-end)\//.test(file)),
  },
  { name: "build", title: "Build", begin: () => check(["make", "--no-print-directory", "build"]) },
  {
    name: "cli",
    title: "End to end",
    begin: () => tests((file) => file.startsWith("test/end-to-end/")),
  },
];

process.exit(await main(process.argv.slice(2)));

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    console.error(`Unknown stage: ${unknown.join(", ")}`);
    console.error(`Stages: ${stages.map((stage) => stage.name).join(", ")}`);
    return 2;
  }

  const chosen = stages.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  // What can begins at once: the checks need nothing, and alone each leaves a processor idle at times.
  const begun = chosen.map((stage) => ({ stage, finish: stage.begin() }));
  const total: Counts = { passed: 0, failed: 0 };
  const summary: string[] = [];
  let built = true;
  for (const { stage, finish } of begun) {
    console.log(`\n== ${stage.title} (${stage.name})`);
    // Testing the binary of an earlier build would answer for code that is not there.
    const missing = stage.name === "cli" && !built;
    const outcome: Outcome = missing ? notRun("the build failed") : await finish();
    if (stage.name === "build") built = outcome.failed === 0;
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    summary.push(line(stage, outcome));
  }

  console.log(`\n== Summary\n${summary.join("\n")}\n`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

function line(stage: Stage, { passed, failed, elapsedMs }: Outcome): string {
  const seconds = `${(elapsedMs / 1000).toFixed(1)} s`;
  const verdict = failed === 0 ? "ok  " : "FAIL";
  return `${verdict} ${stage.title.padEnd(18)} ${passed} passed, ${failed} failed (${seconds})`;
}

function notRun(why: string): Outcome {
  console.error(`Not run: ${why}`);
  return { passed: 0, failed: 1, elapsedMs: 0 };
}

/** A command of the Bun that runs this file, so that no other version gets in. */
function bun(...args: string[]): string[] {
  return [process.execPath, ...args];
}

/** Begins at once, and keeps what it prints until its turn comes. */
function check(command: string[]): Finish {
  const started = performance.now();
  const child = start(command, "pipe");
  const printed = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  const took = child.exited.then(() => performance.now() - started);
  return async () => {
    const [out = "", err = ""] = await Promise.all(printed);
    if (out !== "") console.log(out.trimEnd());
    if (err !== "") console.error(err.trimEnd());
    const passed = (await ended(child)) === 0 ? 1 : 0;
    return { passed, failed: 1 - passed, elapsedMs: await took };
  };
}

/** Begins when its turn comes. */
function tests(belongs: (file: string) => boolean): Finish {
  return async () => {
    const started = performance.now();
    const counts = await runTests(belongs);
    return { ...counts, elapsedMs: performance.now() - started };
  };
}

async function runTests(belongs: (file: string) => boolean): Promise<Counts> {
  const all = await Array.fromAsync(new Bun.Glob("test/**/*.test.ts").scan({ cwd: ROOT }));
  const files = all.filter(belongs).sort();
  if (files.length === 0) return notRun("there is no test file");
  const gone = Object.keys(LONG).filter((file) => !all.includes(file));
  if (gone.length > 0) return notRun(`test/run.ts names what is not there: ${gone.join(", ")}`);

  using place = new PlaceOfFolders();
  const report = join(place.path, "junit.xml");
  const timings = join(place.path, "timings.json");
  const milliseconds = files.map((file) => [file, 1000 * (LONG[file] ?? 1)] as const);
  writeFileSync(timings, JSON.stringify({ version: 1, files: Object.fromEntries(milliseconds) }));
  const child = start(
    bun(
      "test",
      `--parallel=${WORKERS}`,
      // The files that a worker runs share their modules: to load them anew for each takes a fifth of a second.
      "--no-isolate",
      `--timeout=${TEST_TIMEOUT_MS}`,
      `--timings=${timings}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      ...files.map((file) => `./${file}`),
    ),
    // Refuses test.only, which would drop the other tests unseen, and unwritten snapshots.
    "inherit",
    { CI: "true", TMPDIR: place.path },
  );
  return readCounts(report, await ended(child));
}

/** Counts of a JUnit report, held against the exit status so that a crash is never a pass. */
function readCounts(report: string, status: number): Counts {
  let xml: string;
  try {
    xml = readFileSync(report, "utf8");
  } catch {
    return notRun(`bun test left no report (exit status ${status})`);
  }
  const root = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
  const attribute = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const ran = attribute("tests");
  const skipped = attribute("skipped");
  let failed = attribute("failures") + attribute("errors") + skipped;
  const passed = Math.max(0, ran - failed);
  if (skipped > 0) console.error(`${skipped} skipped, counted as failed`);
  if (status !== 0 && failed === 0) {
    // An error outside any test: a file that does not load, a hook that throws, a time-out.
    console.error(`bun test ended with status ${status} although no test failed`);
    failed = 1;
  }
  if (ran === 0 && failed === 0) return notRun("the test files hold no test");
  return { passed, failed };
}

/** Starts a command at the root. @param output ours, or a pipe */
function start<Output extends "inherit" | "pipe">(
  command: string[],
  output: Output,
  extraEnv: Record<string, string> = {},
) {
  const { MAKEFLAGS: _flags, MAKELEVEL: _level, MFLAGS: _mflags, ...env } = process.env;
  return Bun.spawn(command, {
    cwd: ROOT,
    // The outer make's flags would hand its job server, or a -n, to the inner one.
    env: { ...env, ...extraEnv },
    stdin: "ignore",
    stdout: output,
    stderr: output,
    timeout: STAGE_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
}

/** Waits for its end; returns its exit status. */
async function ended(child: ReturnType<typeof start>): Promise<number> {
  const status = await child.exited;
  if (child.signalCode !== null) console.error(`ended by ${child.signalCode}`);
  return status;
}
