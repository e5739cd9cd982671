import { isArrayOfText } from "../../core/json.ts";
import { type RunRequest, runRequest } from "../../core/messages.ts";
import { decodeText } from "../../core/text.ts";
import { isoSeconds } from "../../core/time.ts";
import type { ProcessResult } from "../../system/process.ts";
import { authorize } from "../authorize.ts";
import { type AgentContext, type AgentReply, type Endpoint, parseJson } from "../endpoint.ts";
import { isInScriptDirs, runAllowedScript } from "../script.ts";

/** What the result says when a signal ended the script or it could not be executed (PROTOCOL 2). */
const EXIT_NOT_EXECUTED = 126;

/** What it says when the script never ran. */
const EXIT_NEVER_RAN = -1;

/** `POST /run`. Order of checks: JSON, args, allowlist, hook, execute (PROTOCOL section 2). */
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
  const { state, log, now } = context;
  const { script: name, args, reqid, username, token } = request;
  const fields = { PEER: peerIp, REQID: reqid, SCRIPT: name };
  const script = state.allowlist.scripts.get(name);
  if (script === undefined || !isInScriptDirs(script.path, state.config.script_dirs)) {
    log("warning", "deny", fields);
    return refuse(request, "script not permitted");
  }
  const decision = await authorize(context, {
    action: "run",
    script: name,
    args,
    username,
    token,
    peerIp,
  });
  if (!decision.allowed) {
    log("warning", "deny", { ...fields, REASON: decision.reason });
    return refuse(request, `not authorised: ${decision.reason}`);
  }
  if (args.some((arg) => arg.includes("\0"))) {
    log("warning", "deny", { ...fields, REASON: "argument with NUL" });
    return refuse(request, "an argument holds a NUL byte, which no program can be given");
  }
  const input = JSON.stringify({
    script: name,
    args,
    reqid,
    peer_ip: peerIp,
    username,
    token,
    timestamp: isoSeconds(now()),
  });
  const result = await runAllowedScript(script, args, input, state.config);
  if (result.inputAbandoned) {
    log("warning", "stdin-timeout", {
      BYTES: Buffer.byteLength(input),
      REQID: reqid,
      SCRIPT: name,
    });
  }
  const exit = result.exit ?? EXIT_NOT_EXECUTED;
  log("info", "run", { EXIT: exit, ...fields });
  return {
    status: 200,
    body: { script: name, exit, ...outputOf(result), reqid, ...endOf(result, script.path) },
  };
}

function refuse(request: Partial<RunRequest>, error: string): AgentReply {
  const { script, reqid } = request;
  return { status: 200, body: { script, exit: EXIT_NEVER_RAN, error, reqid } };
}

/** Text for 0.8, and the exact bytes beside it when the text has lost some. */
function outputOf({ stdout, stderr }: ProcessResult): Record<string, unknown> {
  const out = decodeText(stdout.bytes);
  const err = decodeText(stderr.bytes);
  return {
    stdout: out.text,
    stderr: err.text,
    ...(out.exact ? {} : { stdout_b64: base64(stdout.bytes) }),
    ...(err.exact ? {} : { stderr_b64: base64(stderr.bytes) }),
    ...(stdout.dropped > 0 ? { stdout_dropped: stdout.dropped } : {}),
    ...(stderr.dropped > 0 ? { stderr_dropped: stderr.dropped } : {}),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function endOf(result: ProcessResult, path: string): Record<string, unknown> {
  if (result.startError !== undefined) {
    return {
      error: `cannot execute ${path}: ${START_PROBLEMS[result.startError] ?? result.startError}`,
    };
  }
  return result.signal === undefined ? {} : { signal: result.signal };
}

const START_PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: "it is not executable",
  ENOENT: "no such file, or its interpreter is missing",
  ENOEXEC: "it has no #! line and is no program",
  E2BIG: "the arguments are longer than this system allows",
  EMFILE: "too many open files on the agent",
  EAGAIN: "no more processes can be started on the agent",
};
