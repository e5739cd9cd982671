import { isArrayOfText } from "../../core/json.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/reserved-script.ts";
import type { RunState } from "../../core/run-state.ts";
import { startProblem } from "../../core/start-failure.ts";
import { isoSeconds } from "../../core/time.ts";
import { NOT_PERMITTED } from "../../core/wire/messages/refusal.ts";
import { type RunRequest, runRequest } from "../../core/wire/messages/run-request.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import type { ProcessResult } from "../../system/process/run-process.ts";
import type { AllowedScript } from "../scripts/allowlist.ts";
import { outputText } from "../scripts/output-text.ts";
import { judgeAllowedScript, runAllowedScript } from "../scripts/run-script.ts";
import type { ScriptJudgement } from "../scripts/script-file.ts";
import type { AgentState } from "../state/state.ts";
import { offerProblem } from "../trust/announced-certificate.ts";
import { agentTakesSerial, takeSerial } from "../trust/announced-serial.ts";
import { authorize } from "./authorize.ts";
import { type AgentContext, type AgentReply, type Endpoint, parseJson } from "./endpoint.ts";

/** A signal ended the script, or it could not be executed (docs/PROTOCOL.md, section 2). */
const EXIT_NOT_EXECUTED = 126;

/** There is no exit status. */
const NO_EXIT = -1;

const NEVER_RAN: RunState = "never-ran";
const ENDED: RunState = "ended";
const UNKNOWN: RunState = "unknown";

const TOO_MANY = "this agent runs as many scripts at once as it can; try again later";

/** `POST /run`. Order of checks: JSON, args, allowlist, hook, execute (docs/PROTOCOL.md, section 2). */
export const run: Endpoint = async (context, { peerIp, body }) => {
  const json = parseJson(body);
  if (typeof json !== "object" || json === null) return refuse({}, "invalid JSON");
  if ("args" in json && !isArrayOfText(json.args)) return refuse({}, "args must be an array");
  const parsed = runRequest.safeParse(json);
  if (!parsed.success) return refuse({}, "invalid JSON");
  return await runParsed(context, peerIp, parsed.data);
};

async function runParsed(
  context: AgentContext,
  peerIp: string,
  request: RunRequest,
): Promise<AgentReply> {
  const { state, log, now, running } = context;
  const { script: name, args, reqid } = request;
  const deny = (error: string, reason?: string) => {
    log({ event: "deny", peer: peerIp, reason, reqid, script: name });
    return refuse(request, error);
  };
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
  try {
    const decision = await authorize(context, { action: "run", ...request, peerIp });
    if (!decision.allowed) return deny(`not authorised: ${decision.reason}`, decision.reason);
    if (work.kind === "serial") return storeSerial(context, peerIp, request);
    const { script, judged } = work;
    const { concurrency } = script.options;
    const turn = running.takeScript(name, concurrency);
    if (turn === undefined) {
      const limit = `concurrency=${concurrency}`;
      return deny(`${name} runs already (${limit}); try again when it has ended`, limit);
    }
    try {
      // A hook may take its time: a file that was missing before it must not be one that somebody has put there
      // since (T13).
      const hooked = state.config.auth_hook !== undefined;
      const usable = hooked ? judgeAllowedScript(script, state.config) : judged;
      return await execute(context, peerIp, request, script, usable);
    } finally {
      turn();
    }
  } finally {
    release();
  }
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

/**
 * Older control hosts send no certificate: then the serial counts only once its certificate has called (T63).
 */
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

async function execute(
  { state, log, now }: AgentContext,
  peerIp: string,
  { script: name, args, reqid, username, token }: RunRequest,
  script: AllowedScript,
  judged: ScriptJudgement,
): Promise<AgentReply> {
  const input = JSON.stringify({
    script: name,
    args,
    reqid,
    peer_ip: peerIp,
    username,
    token,
    timestamp: isoSeconds(now()),
  });
  const onStalled = () => {
    const bytes = Buffer.byteLength(input);
    log({ event: "stdin-timeout", bytes, reqid, script: name });
  };
  const result = await runAllowedScript(script, judged, args, input, state.config, onStalled);
  const exit = result.exit ?? EXIT_NOT_EXECUTED;
  const problem = problemOf(result, script);
  const ended = { exit, peer: peerIp, reqid, script: name };
  if (problem === undefined) log({ event: "run", ...ended });
  else log({ event: "run-problem", error: problem, ...ended });
  return {
    status: 200,
    body: { script: name, exit, ...outputOf(result), reqid, ...endOf(result, script, problem) },
  };
}

function refuse(request: Partial<RunRequest>, error: string): AgentReply {
  const { script, reqid } = request;
  return { status: 200, body: { script, exit: NO_EXIT, error, reqid, state: NEVER_RAN } };
}

/** Text for 0.8, and also the exact bytes if the text has lost some. */
function outputOf({ stdout, stderr }: ProcessResult): Record<string, unknown> {
  const out = outputText(stdout.chunks);
  const err = outputText(stderr.chunks);
  return {
    stdout: out.text,
    stderr: err.text,
    stdout_b64: out.base64,
    stderr_b64: err.base64,
    stdout_dropped: stdout.dropped || undefined,
    stderr_dropped: stderr.dropped || undefined,
  };
}

/** For a script that could not be started, or may not have been. */
function problemOf(
  { startError, mayHaveRun }: ProcessResult,
  { path }: AllowedScript,
): string | undefined {
  return startError && startProblem(path, startError, mayHaveRun);
}

/** @param problem what went wrong at its start */
function endOf(
  result: ProcessResult,
  { options }: AllowedScript,
  problem: string | undefined,
): Record<string, unknown> {
  if (problem !== undefined) {
    return { error: problem, state: result.mayHaveRun ? UNKNOWN : NEVER_RAN };
  }
  const { signal } = result;
  if (!result.timedOut) return { signal, state: ENDED };
  // `error` is what 0.8 shows.
  const error = `script timed out after ${options.timeout}s and was ended`;
  return { signal, timed_out: true, error, state: ENDED };
}
