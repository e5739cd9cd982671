/** One job in the shim, with an agent that keeps what it is told. */
import { expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { JobFolder } from "../../../../src/agent/jobs/job-folder.ts";
import { recordIn } from "../../../../src/agent/jobs/job-records.ts";
import { newJobName } from "../../../../src/agent/jobs/jobs-folder.ts";
import type { ShimMessage, StartMessage } from "../../../../src/agent/jobs/shim-messages.ts";
import { Reports } from "../../../../src/agent/shim/reports.ts";
import { runJob } from "../../../../src/agent/shim/shim-job.ts";
import { Stays } from "../../../../src/agent/shim/stays.ts";
import { identify } from "../../../../src/system/process/process-id.ts";
import { baseEnvironment } from "../../../../src/system/process/start-program.ts";
import { TestFolder, until } from "../../../support/folder.ts";

const SHIM = { pid: 1, start: 1, boot: "b" };

function shimmed(body: string, more: Partial<StartMessage> = {}) {
  const folder = new TestFolder();
  const job = new JobFolder(folder.join(newJobName()));
  job.create({
    reqid: "0123456789abcdef",
    script: "s",
    args: [],
    username: "u",
    peer_ip: "::1",
    asked: "2026-01-01T00:00:00Z",
    shim: SHIM,
  });
  const file = folder.script("script.sh", body);
  const told: ShimMessage[] = [];
  const reports = new Reports({
    write: (text) =>
      told.push(
        ...text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line)),
      ),
    flush: () => undefined,
  });
  const message: StartMessage = {
    job: job.name,
    folder: job.path,
    file,
    calledAs: file,
    args: [folder.path],
    env: baseEnvironment(),
    input: "context",
    stdinTimeout: 10,
    maxOutput: 100,
    room: 1000,
    ...more,
  };
  const room = { total: 1000, held: 0 };
  const kinds = () => told.map(({ kind }) => kind);
  const find = <Kind extends ShimMessage["kind"]>(kind: Kind) =>
    told.find((one): one is Extract<ShimMessage, { kind: Kind }> => one.kind === kind);
  return {
    folder,
    job,
    room,
    kinds,
    find,
    run: async () => {
      await runJob(message, room, reports, new Stays(), 5);
      await new Promise(setImmediate);
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

test("a quick script is reported once it has ended, and its end and output are in its folder by then", async () => {
  using it = shimmed("cat; echo oops >&2; exit 3");
  await it.run();
  const kept = { stdout: 7, stderr: 5 };
  expect(it.kinds().filter((kind) => kind !== "grew")).toEqual(["started", "ended"]);
  expect(it.find("ended")).toMatchObject({ job: it.job.name, kept, ending: { exit: 3 } });
  const record = recordIn(it.job);
  expect(record?.ending).toEqual(it.find("ended")?.ending);
  expect(record?.logged).toBe(false);
  const { started = "", ended = "" } = record?.ending ?? {};
  // On a machine that does much else it may take longer than what counts as quick.
  if (Date.parse(ended) - Date.parse(started) < 20) expect(record?.start).toBeUndefined();
  expect(record?.ending).toMatchObject({ state: "ended", stdout_bytes: 7, stderr_bytes: 5 });
  expect(it.find("started")?.started).toBe(record?.ending?.started ?? "");
  expect(readFileSync(it.job.fileOf("stdout"), "utf8")).toBe("context");
  expect(it.room.held).toBe(0);
});

test("one that goes on is noted with its process, for an agent that comes later, and its output grows", async () => {
  using it = shimmed("echo $$; read go <$1/go");
  expect(Bun.spawnSync(["mkfifo", it.folder.join("go")]).exitCode).toBe(0);
  const run = it.run();
  await until("it is noted", () => recordIn(it.job)?.start !== undefined);
  await until("it is told", () => it.kinds().includes("grew"));
  const pid = Number(readFileSync(it.job.fileOf("stdout"), "utf8"));
  expect(recordIn(it.job)?.start?.root).toEqual(identify(pid));
  expect(it.kinds().slice(0, 2)).toEqual(["started", "grew"]);
  expect(it.find("grew")?.kept).toEqual({ stdout: `${pid}\n`.length, stderr: 0 });
  await Bun.write(it.folder.join("go"), "\n");
  await run;
  expect(it.kinds().at(-1)).toBe("ended");
  expect(it.kinds().filter((kind) => kind === "started")).toHaveLength(1);
});

test("one that prints nothing is reported when it goes on", async () => {
  using it = shimmed("read go <$1/go");
  expect(Bun.spawnSync(["mkfifo", it.folder.join("go")]).exitCode).toBe(0);
  const run = it.run();
  await until("it is told", () => it.kinds().includes("started"));
  expect(it.kinds()).toEqual(["started"]);
  await Bun.write(it.folder.join("go"), "\n");
  await run;
  expect(it.kinds()).toEqual(["started", "ended"]);
});

test("one that leaves its context unread is reported, with how long that is", async () => {
  using it = shimmed("sleep 0.2", { input: "x".repeat(200_000), stdinTimeout: 0.02 });
  await it.run();
  expect(it.find("stalled")).toEqual({ kind: "stalled", job: it.job.name, bytes: 200_000 });
});

test("one that cannot be started is reported with the system's reason, and has no end in its folder", async () => {
  using it = shimmed("true");
  chmodSync(it.folder.join("script.sh"), 0o644);
  await it.run();
  const told = {
    kind: "not-started",
    job: it.job.name,
    code: "EACCES",
    mayHaveRun: false,
  } as const;
  expect(it.find("not-started")).toEqual(told);
  expect([it.kinds(), recordIn(it.job)?.ending]).toEqual([["not-started"], undefined]);
});

test("who has asked for its end is named with it, and a limit of time as well", async () => {
  using it = shimmed("read go <$1/go", { timeout: 0.05 });
  expect(Bun.spawnSync(["mkfifo", it.folder.join("go")]).exitCode).toBe(0);
  it.job.writeCancel({ by: "bob", graceMs: 0 });
  await it.run();
  expect(recordIn(it.job)?.ending).toMatchObject({
    exit: 126,
    signal: "SIGTERM",
    timed_out: true,
    error: "script timed out after 0.05s and was ended",
    cancelled: true,
    cancelled_by: "bob",
  });
});

test("a job whose folder was removed ends without it, and says so", async () => {
  using it = shimmed("echo x");
  rmSync(it.job.path, { recursive: true });
  await it.run();
  const end = { kept: { stdout: 0 }, ending: { stdout_bytes: 2 }, unwritten: true };
  expect(it.find("ended")).toMatchObject(end);
  expect(existsSync(it.job.path)).toBe(false);
});

test("a job whose folder was removed and made again has its end there", async () => {
  using it = shimmed("exit 3");
  const { head } = recordIn(it.job) ?? {};
  if (head === undefined) throw new Error("it has no head");
  rmSync(it.job.path, { recursive: true });
  const ended = it.run();
  await until("it has ended", () => it.find("ended") !== undefined);
  it.job.createAnew(head);
  await ended;
  expect(recordIn(it.job)?.ending).toMatchObject({ exit: 3 });
});
