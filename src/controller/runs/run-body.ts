/** What is sent to each host of a run, and what must never be sent. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { newRequestId } from "../../core/request-id.ts";
import { isReservedScript } from "../../core/reserved-script.ts";
import { MAX_REQUEST_BYTES } from "../../core/wire/limits.ts";
import type { Caller } from "../access/authorize.ts";
import { ownPort, type ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import type { RecordedRun, RunFacts } from "../store/ports/runs.ts";
import type { RunParts } from "./run.ts";

interface Order {
  readonly script: string;
  readonly args: readonly string[];
  readonly timeout?: number | undefined;
  readonly detach?: boolean;
}

/**
 * @param reqid of a run that goes on; otherwise the caller's, or a new one
 * @throws CtrlExecError `bad-request`, `too-large`
 */
export function runBody(
  { config }: HostContext,
  { username, token, requestId }: Caller,
  { script, args, timeout, detach = false }: Order,
  reqid = requestId ?? newRequestId(),
): RunParts["body"] {
  if (isReservedScript(script)) {
    const why = "It decides whom an agent trusts.";
    throw new CtrlExecError("bad-request", `Cannot run ${script}: only a rotation calls it`, {
      hint: `${why} To replace this host's certificate: ctrl-exec rotate-cert${configArgument(config.file)}`,
      remoteHint: `${why} A rotation is begun on the control host.`,
    });
  }
  const body = {
    ...{ script, args, reqid, username, token, lock: 1 as const },
    ...(timeout === undefined ? {} : { timeout }),
    ...(detach ? { detach: true as const } : {}),
  };
  if (Buffer.byteLength(JSON.stringify(body)) > MAX_REQUEST_BYTES) {
    throw new CtrlExecError(
      "too-large",
      "Cannot run: the script's name and arguments are longer than 1 MiB together",
    );
  }
  return body;
}

/** What its record starts with. */
export function runFacts(
  { reqid, script, username: submitter, token }: RunParts["body"],
  targets: readonly ResolvedTarget[],
): RunFacts {
  const hosts = targets.map(({ label }) => label);
  return { reqid, script, hosts, ...portsOf(targets.map(ownPort)), submitter, token };
}

/** The same for a rollout that is resumed. */
export function recordedFacts(
  { report, asked }: Pick<RecordedRun, "report" | "asked">,
  token: string,
): RunFacts {
  const { reqid, script, hosts, submitter } = report;
  return { reqid, script, hosts, ...portsOf(asked.map(({ port }) => port)), submitter, token };
}

function portsOf(known: readonly (number | undefined)[]): Pick<RunFacts, "ports"> {
  const ports = known.map((port) => port ?? null);
  return ports.some((port) => port !== null) ? { ports } : {};
}
