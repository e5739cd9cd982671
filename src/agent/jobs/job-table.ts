/** All jobs of an agent: those that run, also under the shim of an earlier agent, and those that are kept. */
import { join } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import type { AgentLog } from "../../core/events.ts";
import type { RunEnding } from "../../core/run-event.ts";
import { startProblem } from "../../core/start-failure.ts";
import { Deadline } from "../../system/deadline.ts";
import { fileProblem } from "../../system/files/files.ts";
import { inSlices } from "../../system/in-slices.ts";
import { removeEmptyCgroups } from "../../system/process/job-cgroup.ts";
import { isRunning, type ProcessId } from "../../system/process/process-id.ts";
import { bootId } from "../../system/process/process-table.ts";
import type { NotStarted } from "../../system/process/start-program.ts";
import { startAllowedScript } from "../scripts/run-script.ts";
import type { Release, RunningScripts } from "../scripts/running-scripts.ts";
import { scriptContext } from "../scripts/script-context.ts";
import type { KeptBytes, ShimMessage } from "../shim/messages.ts";
import { AdoptedJobs } from "./adopted-jobs.ts";
import { Cancels } from "./cancels.ts";
import type { CancelOutcome, Job, JobFacts, Jobs, RunOrder, StartOutcome } from "./job.ts";
import {
  EXIT_NOT_EXECUTED,
  type JobCancel,
  JobFolder,
  type JobHead,
  type JobRequest,
} from "./job-folder.ts";
import { endingIn, headIn, startIn, unfinishedCancelIn } from "./job-records.ts";
import { jobNamesIn, newJobName, openJobsFolder } from "./jobs-folder.ts";
import { type KeptJob, KeptJobs } from "./kept-jobs.ts";
import { Holds, OpenJob } from "./open-job.ts";
import { ShimKeeper } from "./shim-keeper.ts";
import type { ShimLink, ShimProgram } from "./shim-link.ts";

export interface JobTableOptions {
  /** Of all jobs. */
  readonly folder: string;
  readonly shim: ShimProgram;
  /** That in force. */
  readonly config: () => AgentConfig;
  readonly log: AgentLog;
  readonly now: () => Date;
  readonly running: RunningScripts;
}

/** The shim has ended before it said whether it started the script. */
interface Gone {
  readonly kind: "started";
}

/** There is no exit status. */
const NO_EXIT = -1;

/** GET /runs names no more. */
const MAX_LISTED = 1000;

/** What a folder without a request is: one that an agent was killed in the making of. */
const LEFTOVER_MS = 60_000;

export class JobTable implements Jobs {
  readonly #options: JobTableOptions;
  /** By the names of their folders. */
  readonly #running = new Map<string, OpenJob>();
  readonly #kept = new KeptJobs();
  readonly #holds = new Holds();
  readonly #shim: ShimKeeper;
  readonly #adopted = new AdoptedJobs((job) => this.#lookAt(job));
  readonly #cancels = new Cancels(() => {
    return [...this.#running.values()].flatMap(({ shim }) => shim ?? []);
  });
  /** Who waits for the word of the shim on a start. */
  readonly #waiting = new Map<string, (outcome: Gone | NotStarted) => void>();
  #runningBytes = 0;
  /** The folder of all jobs has been looked at. */
  #isOpen = false;
  #toldProblem: string | undefined;
  #expiry: Deadline | undefined;

  constructor(options: JobTableOptions) {
    this.#options = options;
    this.#shim = new ShimKeeper(options.shim, {
      told: (message) => this.#told(message),
      gone: (shim) => this.#gone(shim),
    });
  }

  /** Takes over what an earlier agent has left. To be called before the first start. */
  async recover(): Promise<void> {
    const ended: KeptJob[] = [];
    const open: OpenJob[] = [];
    const cancelled = new Map<OpenJob, JobCancel>();
    await inSlices(jobNamesIn(this.#options.folder), (name) => {
      const folder = this.#folderOf(name);
      const head = headIn(folder);
      if (head === undefined) {
        this.#removeLeftover(folder);
        return;
      }
      const { isLogged } = folder;
      if (isLogged) ended.push(keptJob(head.reqid, folder, folder.endTime));
      const cancel = unfinishedCancelIn(folder);
      if (isLogged && cancel === undefined) return;
      const job = this.#recovered(folder, head);
      if (!isLogged) open.push(job);
      if (cancel !== undefined) cancelled.set(job, cancel);
    });
    ended.sort((one, other) => one.ended - other.ended);
    for (const job of ended) this.#kept.add(job);
    for (const job of open) this.#adopt(job);
    // The agent that began it has ended before it was done.
    for (const [job, { by, graceMs }] of cancelled) void this.#cancels.cancel(job, by, graceMs);
    this.#makeRoom();
  }

  async start(order: RunOrder): Promise<StartOutcome> {
    const { reqid, script, args, username, peerIp } = order;
    const isUsed = this.#runningWith((request) => request.reqid === reqid) ?? this.#kept.get(reqid);
    if (isUsed !== undefined) return { kind: "used" };
    const other = order.lock
      ? this.#runningWith((request) => request.script === script.name)
      : undefined;
    if (other !== undefined) return { kind: "busy", reqid: other.request.reqid };
    const folder = this.#folderOf(newJobName());
    const asked = this.#options.now();
    const request = {
      reqid,
      script: script.name,
      args,
      username,
      peer_ip: peerIp,
      asked: asked.toISOString(),
    };
    const job = new OpenJob(folder, request, this.#holds);
    // From now on, no other run takes its place.
    this.#running.set(folder.name, job);
    const letGo = job.hold();
    try {
      const shim = await this.#shim.open();
      job.shim = shim.id;
      this.#create(folder, { ...request, shim: shim.id });
      await this.#launch(job, order, shim, asked);
      return { kind: "started", job, letGo };
    } catch (thrown) {
      // It may have been removed meanwhile: the next run makes it again.
      this.#isOpen = false;
      this.#running.delete(folder.name);
      letGo();
      folder.remove();
      const problem = `Cannot keep runs in ${this.#options.folder}: ${fileProblem(thrown)}`;
      this.#tellUnkept(problem, request);
      return { kind: "no-room", problem };
    }
  }

  find(reqid: string): Job | undefined {
    const running = this.#runningWith((request) => request.reqid === reqid);
    if (running !== undefined) return running;
    const kept = this.#kept.get(reqid);
    return kept && this.#open(kept);
  }

  async cancel(reqid: string, by: string, graceMs: number): Promise<CancelOutcome | undefined> {
    const job = this.#runningWith((request) => request.reqid === reqid);
    return job && (await this.#cancels.cancel(job, by, graceMs));
  }

  async list(): Promise<readonly JobFacts[]> {
    const running = [...this.#running.values()].reverse().map(({ facts }) => facts);
    const kept: JobFacts[] = [];
    await inSlices(this.#kept.all.slice(0, MAX_LISTED), (entry) => {
      const job = this.#open(entry);
      if (job !== undefined) kept.push(job.facts);
    });
    return [...running, ...kept].slice(0, MAX_LISTED);
  }

  /** Jobs go on; the next agent takes them over. */
  close(): void {
    this.#expiry?.stop();
    this.#adopted.close();
    this.#shim.close();
  }

  /** @throws if it cannot be made, or the folder of all jobs is not this agent's alone (T71) */
  #create(folder: JobFolder, head: JobHead): void {
    if (!this.#isOpen) openJobsFolder(this.#options.folder);
    this.#isOpen = true;
    folder.create(head);
  }

  async #launch(job: OpenJob, order: RunOrder, shim: ShimLink, asked: Date): Promise<void> {
    const config = this.#options.config();
    const { script, args } = order;
    const { name } = job.folder;
    const { timeout, max_output = config.max_output } = script.options;
    const outcome = await startAllowedScript(
      script,
      order.judged,
      args,
      config,
      async (program) => {
        const { promise, resolve } = Promise.withResolvers<Gone | NotStarted>();
        this.#waiting.set(name, resolve);
        shim.send({
          ...program,
          job: name,
          folder: job.folder.path,
          input: scriptContext(order, asked),
          stdinTimeout: config.stdin_timeout,
          timeout: least(timeout, order.timeout),
          maxOutput: max_output,
          room: config.run_spool - this.#bytesBeside(shim.id),
        });
        return await promise;
      },
    );
    if (outcome.kind === "started") return;
    const { code, mayHaveRun } = outcome;
    const error = startProblem(script.path, code, mayHaveRun);
    const state = mayHaveRun ? "lost" : "never-ran";
    this.#endHere(job, { state, exit: EXIT_NOT_EXECUTED, error });
  }

  #tellUnkept(error: string, { reqid, script }: JobRequest): void {
    if (error === this.#toldProblem) return;
    this.#toldProblem = error;
    this.#options.log({ event: "run-unkept", error, reqid, script });
  }

  #told(message: ShimMessage): void {
    if (message.kind === "ready") return;
    const { job: name } = message;
    const job = this.#running.get(name);
    if (job === undefined) return;
    const { reqid, script, peer_ip: peer } = job.request;
    const { log } = this.#options;
    switch (message.kind) {
      case "started":
        job.has(message);
        log({ event: "run-start", peer, reqid, script });
        this.#answer(name, { kind: "started" });
        break;
      case "not-started":
        this.#answer(name, message);
        break;
      case "stalled":
        log({ event: "stdin-timeout", bytes: message.bytes, reqid, script });
        break;
      case "grew":
        this.#grew(job, message.kept);
        break;
      case "ended":
        this.#grew(job, message.kept);
        this.#end(job, message.ending);
        break;
    }
  }

  #answer(name: string, outcome: Gone | NotStarted): void {
    this.#waiting.get(name)?.(outcome);
    this.#waiting.delete(name);
  }

  #gone(shim: ProcessId): void {
    for (const job of this.#running.values()) if (job.shim?.pid === shim.pid) this.#lookAt(job);
  }

  /** An ended shim has written all that it will. */
  #lookAt(job: OpenJob): void {
    const { folder } = job;
    const goesOn = job.shim !== undefined && isRunning(job.shim);
    const start = job.start ?? startIn(folder);
    if (job.start === undefined && start !== undefined) job.has(start);
    const ending = endingIn(folder);
    this.#grew(job, folder.kept);
    if (ending !== undefined) this.#end(job, ending);
    else if (!goesOn) {
      this.#endHere(job, { state: "lost", exit: NO_EXIT, error: whyLost(job) });
      this.#answer(folder.name, { kind: "started" });
    }
  }

  #grew(job: OpenJob, kept: KeptBytes): void {
    this.#runningBytes += job.grew(kept);
    this.#makeRoom();
  }

  /** An end that no shim has written. */
  #endHere(
    job: OpenJob,
    end: Pick<RunEnding, "state" | "exit"> & { readonly error: string },
  ): void {
    const ending: RunEnding = {
      ...end,
      started: job.start?.started ?? "",
      ended: this.#options.now().toISOString(),
      stdout_bytes: job.kept("stdout"),
      stderr_bytes: job.kept("stderr"),
    };
    try {
      job.folder.writeEnding(ending);
    } catch {
      // The disk is full: the next agent finds the same.
    }
    this.#end(job, ending);
  }

  #end(job: OpenJob, ending: RunEnding): void {
    const { reqid, script, peer_ip: peer } = job.request;
    const { exit, state, error = "" } = ending;
    job.end(ending);
    this.#running.delete(job.folder.name);
    this.#runningBytes -= job.keptBytes;
    const ended = { exit, peer, reqid, script };
    if (state === "ended") this.#options.log({ event: "run", ...ended });
    else this.#options.log({ event: "run-problem", error, ...ended });
    try {
      job.folder.markLogged();
    } catch {
      // The disk is full: the next agent logs it again.
    }
    this.#adopted.remove(job);
    this.#kept.add(keptJob(reqid, job.folder, this.#options.now().getTime()));
    job.settle(ending);
    if (this.#running.size === 0) {
      this.#shim.rest();
      removeEmptyCgroups();
    }
    this.#makeRoom();
  }

  #adopt(job: OpenJob): void {
    const { running } = this.#options;
    const release: Release = running.takeScript(job.request.script, undefined) ?? (() => undefined);
    void job.ended.then(release);
    this.#running.set(job.folder.name, job);
    this.#runningBytes += job.keptBytes;
    this.#adopted.add(job);
    this.#lookAt(job);
  }

  /** The oldest go first; a running one never. */
  #makeRoom(): void {
    const { config, now } = this.#options;
    const { run_spool, run_retention } = config();
    const time = now().getTime();
    const rule = { bytes: run_spool - this.#runningBytes, since: time - run_retention * 1000 };
    const isInUse = ({ name }: KeptJob) => this.#holds.has(this.#folderOf(name));
    const surplus = this.#kept.takeOut(rule, isInUse);
    void inSlices(surplus, ({ name }) => this.#folderOf(name).remove());
    const { oldest } = this.#kept;
    if (oldest === undefined || this.#expiry !== undefined) return;
    const expires = oldest.ended + run_retention * 1000 - time;
    this.#expiry = new Deadline(Math.max(expires, 1000), () => {
      this.#expiry = undefined;
      this.#makeRoom();
    });
  }

  /** What running jobs hold that are not this shim's. */
  #bytesBeside(shim: ProcessId): number {
    const others = [...this.#running.values()].filter((job) => job.shim?.pid !== shim.pid);
    return others.reduce((sum, job) => sum + job.keptBytes, 0);
  }

  #runningWith(test: (request: JobRequest) => boolean): OpenJob | undefined {
    return [...this.#running.values()].find(({ request }) => test(request));
  }

  /** Undefined if somebody has removed its folder. */
  #open({ name }: KeptJob): OpenJob | undefined {
    const folder = this.#folderOf(name);
    const head = headIn(folder);
    const job = head && this.#recovered(folder, head);
    const ending = endingIn(folder);
    if (job === undefined || ending === undefined) return undefined;
    job.end(ending);
    job.settle(ending);
    return job;
  }

  #recovered(folder: JobFolder, head: JobHead): OpenJob {
    const job = new OpenJob(folder, head, this.#holds);
    job.shim = head.shim;
    const start = startIn(folder);
    if (start !== undefined) job.has(start);
    job.grew(folder.kept);
    return job;
  }

  #removeLeftover(folder: JobFolder): void {
    const made = folder.time;
    if (made !== undefined && this.#options.now().getTime() - made > LEFTOVER_MS) folder.remove();
  }

  #folderOf(name: string): JobFolder {
    return new JobFolder(join(this.#options.folder, name));
  }
}

/** @param ended as in KeptJob */
function keptJob(reqid: string, folder: JobFolder, ended = 0): KeptJob {
  return { reqid, name: folder.name, bytes: folder.bytes, ended };
}

/** What is said of a job whose end nobody knows. */
function whyLost({ shim, start }: OpenJob): string {
  if (shim !== undefined && shim.boot !== bootId()) return "this host went down while it ran";
  return start === undefined
    ? "the agent ended while it was being started: it may have run"
    : "ctrl-exec-shim, which watched it, was killed: it may still run";
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
