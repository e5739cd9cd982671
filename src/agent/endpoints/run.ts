import { isArrayOfText } from "../../core/json.ts";
import { isRequestId } from "../../core/request-id.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/reserved-script.ts";
import { NO_OFFSETS } from "../../core/run-event.ts";
import type { RunState } from "../../core/run-state.ts";
import { NOT_PERMITTED } from "../../core/wire/messages/refusal.ts";
import { type RunRequest, runRequest } from "../../core/wire/messages/run-request.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import type { BegunRun, StartOutcome } from "../jobs/job.ts";
import type { AllowedScript } from "../scripts/allowlist.ts";
import { judgeAllowedScript } from "../scripts/run-script.ts";
import type { Release } from "../scripts/running-scripts.ts";
import type { ScriptJudgement } from "../scripts/script-file.ts";
import type { AgentState } from "../state/state.ts";
import { offerProblem } from "../trust/announced-certificate.ts";
import { agentTakesSerial, takeSerial } from "../trust/announced-serial.ts";
import { authorize } from "./authorize.ts";
import { type AgentContext, type AgentReply, type Endpoint, parseJson } from "./endpoint.ts";
import { streamReply } from "./follow.ts";
import { asBefore11, endReply, refuseRun } from "./run-reply.ts";

const ENDED: RunState = "ended";

// Refusals read as those of 1.0, to the byte.
const TOO_MANY = "this agent runs as many scripts at once as it can; try again later";

/** Nobody could ask about it later. */
const NO_REQID = { kind: "no-reqid" } as const;

type NotBegun = Exclude<StartOutcome, { readonly kind: "started" }> | typeof NO_REQID;

type Unkept =
  | Extract<StartOutcome, { readonly kind: "used" | "withdrawn" | "no-room" }>
  | typeof NO_REQID;

/** `POST /run`. Order of checks: JSON, args, allowlist, hook, execute (docs/PROTOCOL.md, section 2). */
export const run: Endpoint = async (context, { peerIp, body }) => {
  const request = readRequest(body);
  if (typeof request === "string") return asBefore11(refuseRun({}, request));
  const reply = await runParsed(context, peerIp, request);
  return asksForJob(request) ? reply : asBefore11(reply);
};

/** A text says what is wrong with it. */
function readRequest(body: string): RunRequest | string {
  const json = parseJson(body);
  if (typeof json !== "object" || json === null) return "invalid JSON";
  if ("args" in json && !isArrayOfText(json.args)) return "args must be an array";
  const parsed = runRequest.safeParse(json);
  return parsed.success ? parsed.data : "invalid JSON";
}

async function runParsed(
  context: AgentContext,
  peerIp: string,
  request: RunRequest,
): Promise<AgentReply> {
  const { state, log, now, running, jobs } = context;
  const { script: name, args, reqid } = request;
  const deny = (error: string, reason?: string, by?: string) => {
    log({ event: "deny", peer: peerIp, reason, reqid, script: name });
    return refuseRun(request, error, by);
  };
  const refuseOutcome = (outcome: NotBegun) => {
    if (outcome.kind === "busy") {
      return { status: 409, body: { error: "busy", reqid: outcome.reqid } };
    }
    const problem = mustNotRun(outcome, request);
    return problem === undefined ? undefined : deny(problem, problem, cancelledBy(outcome));
  };
  const lock = request.lock === 1;
  const work = workFor(name, state);
  if (work.kind === "refused") return deny(NOT_PERMITTED, work.problem);
  if (args.some((arg) => arg.includes("\0"))) {
    return deny(
      "an argument holds a NUL byte, which no program can be given",
      "argument with NUL byte",
    );
  }
  if (!args.every((arg) => arg.isWellFormed())) {
    return deny("an argument holds half a character, which has no bytes", "argument not Unicode");
  }
  const unfit = serialProblem(request, state.trust.identity.ca, now());
  if (unfit !== undefined) return deny(`cannot take the new serial: ${unfit}`, unfit);
  const release = running.takeProcess();
  if (release === undefined) return deny(TOO_MANY, "too many processes");
  const slots = [release];
  let begun: BegunRun | undefined;
  try {
    const decision = await authorize(context, { action: "run", ...request, peerIp });
    if (!decision.allowed) return deny(`not authorised: ${decision.reason}`, decision.reason);
    if (work.kind === "serial") return storeSerial(context, peerIp, request);
    const { script } = work;
    const { concurrency } = script.options;
    const turn = await takeTurn(context, name, concurrency);
    if (turn.kind === "full") {
      const held =
        lock && isRequestId(reqid) ? await jobs.refusal({ reqid, script: name, lock }) : undefined;
      const refused = held && refuseOutcome(held);
      if (refused !== undefined) return refused;
      const limit = `concurrency=${concurrency}`;
      return deny(`${name} runs already (${limit}${turn.why}); try again when it has ended`, limit);
    }
    slots.push(turn.release);
    // A hook may take its time: if the file was missing before, it must not be one that somebody has put there since
    // (T13).
    const hooked = state.config.auth_hook !== undefined;
    const judged = hooked ? judgeAllowedScript(script, state.config) : work.judged;
    const order = {
      ...request,
      script,
      judged,
      peerIp,
      hub: context.hub,
      lock,
      timeout: request.timeout,
    };
    const outcome = isRequestId(reqid) ? await jobs.start(order) : NO_REQID;
    if (outcome.kind !== "started") {
      const refused = refuseOutcome(outcome);
      if (refused !== undefined) return refused;
      const why = outcome.kind === "no-room" ? outcome.problem : undefined;
      begun = await jobs.startUnkept(order, why);
      return await endReply(begun);
    }
    const { job, letGo } = outcome;
    begun = job;
    if (isDetached(request) && job.facts.started !== "") {
      letGo();
      return { status: 202, body: { script: name, status: "accepted", reqid } };
    }
    if (request.stream === 1) return streamReply(job, NO_OFFSETS, letGo);
    return await endReply(job, letGo);
  } finally {
    const free = () => {
      for (const slot of slots) slot();
    };
    if (begun === undefined) free();
    else void begun.ended.then(free);
  }
}

type Turn =
  | { readonly kind: "taken"; readonly release: Release }
  | { readonly kind: "full"; readonly why: string };

/** A slot of the script's `concurrency`. Lost runs count as long as some of their processes are running. */
async function takeTurn(
  { running, jobs }: AgentContext,
  name: string,
  concurrency: number | undefined,
): Promise<Turn> {
  const release = running.takeScript(name, concurrency);
  if (release === undefined) return { kind: "full", why: "" };
  if (concurrency === undefined) return { kind: "taken", release };
  // Counted now, because one of them may have been lost in the meantime.
  const taken = running.of(name);
  const [lost, ...more] = await jobs.lostRuns(name);
  if (lost === undefined || taken + 1 + more.length <= concurrency)
    return { kind: "taken", release };
  release();
  return { kind: "full", why: `, and lost run ${lost} goes on` };
}

/** Undefined if nobody did, or if it is not known who. */
function cancelledBy(outcome: Unkept): string | undefined {
  return outcome.kind === "withdrawn" && outcome.by !== "" ? outcome.by : undefined;
}

function withdrawnError(by: string | undefined): string {
  const what = by === undefined ? "cancelled, or given up," : `cancelled by ${by}`;
  return `this run was ${what} before it came here`;
}

/**
 * Why a run that cannot be kept is refused; undefined if it runs anyway. Older control hosts ask for nothing that
 * needs a job, and may know one host by several names.
 */
function mustNotRun(outcome: Unkept, request: RunRequest): string | undefined {
  if (outcome.kind === "no-room") return isDetached(request) ? outcome.problem : undefined;
  if (!asksForJob(request)) return undefined;
  if (outcome.kind === "withdrawn") return withdrawnError(cancelledBy(outcome));
  return outcome.kind === "used" ? "reqid already used" : "reqid is not 16 hex digits";
}

/** 0.9 may write it as a number. */
function isDetached({ detach, async }: RunRequest): boolean {
  return [detach, async].some((word) => word === true || word === 1);
}

/** Only a control host since 1.1 asks for these. */
function asksForJob(request: RunRequest): boolean {
  const { stream, lock, timeout } = request;
  return stream === 1 || isDetached(request) || lock !== undefined || timeout !== undefined;
}

type Work =
  /** The agent does this itself: see announced-serial.ts. */
  | { readonly kind: "serial" }
  | { readonly kind: "script"; readonly script: AllowedScript; readonly judged: ScriptJudgement }
  /** @param problem for the log */
  | { readonly kind: "refused"; readonly problem: string | undefined };

function workFor(name: string, { allowlist, config }: AgentState): Work {
  const script = allowlist.scripts.get(name);
  if (agentTakesSerial(name, script, config)) return { kind: "serial" };
  if (script === undefined) return { kind: "refused", problem: undefined };
  const judged = judgeAllowedScript(script, config);
  if (judged.kind === "refused" || judged.kind === "outside") {
    return { kind: "refused", problem: judged.problem };
  }
  return { kind: "script", script, judged };
}

/** Older control hosts send no certificate: then the serial counts only once its certificate has been shown (T63). */
function serialProblem(
  { script, args, cert }: RunRequest,
  ca: CertificateFacts,
  now: Date,
): string | undefined {
  if (script !== UPDATE_SERIAL_SCRIPT || cert === undefined) return undefined;
  return offerProblem({ cert, args }, ca, now);
}

function storeSerial(
  { state, log }: AgentContext,
  peerIp: string,
  { script, args, reqid }: RunRequest,
): AgentReply {
  const result = takeSerial(state.config, args);
  log({ event: "run", exit: result.exit, peer: peerIp, reqid, script });
  return { status: 200, body: { script, ...result, reqid, state: ENDED } };
}
