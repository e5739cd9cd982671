/** Tells agents the controller's new serial, under the old one, which they trust. */

import { newRequestId } from "../../core/request-id.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/reserved-script.ts";
import { serialStatus } from "../../core/rotation.ts";
import type { Serial } from "../../core/serial.ts";
import { isoSeconds } from "../../core/time.ts";
import { wholeText } from "../../core/wire/json-pieces.ts";
import { NOT_PERMITTED } from "../../core/wire/messages/refusal.ts";
import { runReply } from "../../core/wire/messages/run-reply.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { answerOf, whyNotAnswered } from "../fleet/answer.ts";
import {
  askFleet,
  type FleetDialler,
  type HostOutcome,
  type HostProblem,
} from "../fleet/fan-out.ts";
import { type ResolvedTarget, targetOf } from "../fleet/targets.ts";
import { FleetNews } from "../inventory/fleet-news.ts";
import type { HostContext } from "../store/host.ts";

const LIST_IT =
  "that host's scripts.conf must list it, and self-check there says why it may not run";

export interface BroadcastReport {
  /** Agents that have accepted a request under the new serial. */
  readonly confirmed: readonly string[];
  readonly pending: readonly HostProblem[];
}

/**
 * Tells every agent that is pending or unknown. An agent is confirmed once it has accepted a request under the
 * new serial, which is also when it forgets the old one.
 *
 * @throws CtrlExecError `config` if this host's own credential cannot be used
 */
export async function broadcastSerial(controller: Controller): Promise<BroadcastReport> {
  const { log, now, store } = controller;
  const dialler = await openDialler(controller);
  const [current] = dialler.credentials;
  const targets = await untold(controller, current.serial);
  if (targets.length === 0) return { confirmed: [], pending: [] };
  const hosts = targets.map(({ name }) => name);
  log({ event: "serial-broadcast", hosts, serial: current.serial });
  await store.registry.change(
    (record) => ({ ...record, serial_broadcast: isoSeconds(now()) }),
    hosts,
  );
  const report = await tell(controller, dialler, targets);
  for (const { host, error } of report.pending) {
    log({ event: "serial-broadcast-fail", agent: host, error });
  }
  return report;
}

/** The end of an overlap alone does not give up an agent: markAgents does, after one more try. */
async function untold(
  { now, store, agentPort }: Controller,
  current: Serial,
): Promise<ResolvedTarget[]> {
  return [...(await store.registry.read()).agents.values()]
    .filter((record) => {
      const status = serialStatus(record, { current, overlapExpires: undefined }, now());
      return status === "pending" || status === "unknown";
    })
    .map((record) => targetOf(record.hostname, { kind: "agent", record }, agentPort));
}

async function tell(
  host: HostContext,
  dialler: FleetDialler,
  targets: readonly ResolvedTarget[],
): Promise<BroadcastReport> {
  const [current] = dialler.credentials;
  const { serial } = current;
  const confirmed: string[] = [];
  const pending: HostProblem[] = [];
  const toConfirm: ResolvedTarget[] = [];
  const body = {
    script: UPDATE_SERIAL_SCRIPT,
    args: [serial],
    reqid: newRequestId(),
    username: "ctrl-exec",
    token: "",
    // Agents since 1.1 check it at once; older ones ignore it.
    cert: current.credential.cert,
  };
  const news = new FleetNews(host, dialler);
  await askFleet(
    dialler,
    targets,
    { method: "POST", path: "/run", body, reply: "output" },
    (outcome) => {
      news.hear(outcome);
      const { target, acceptedSerial } = outcome;
      // An agent that accepts the request under the new serial knows it, whatever the script says.
      if (acceptedSerial === serial) confirmed.push(target.name);
      else {
        const problem = scriptProblem(outcome);
        if (problem === undefined) toConfirm.push(target);
        else pending.push({ host: target.name, error: problem });
      }
    },
  );
  await news.keep();
  const underNew: FleetDialler = { ...dialler, credentials: [current] };
  const confirmations = new FleetNews(host, underNew);
  const ping = {
    method: "POST",
    path: "/ping",
    body: { reqid: newRequestId() },
    reply: "words",
  } as const;
  await askFleet(underNew, toConfirm, ping, (outcome) => {
    confirmations.hear(outcome);
    const { target, acceptedSerial } = outcome;
    if (acceptedSerial === serial) confirmed.push(target.name);
    else pending.push({ host: target.name, error: whyNotAnswered(outcome) });
  });
  await confirmations.keep();
  return { confirmed, pending };
}

/** Why the script failed; undefined if it says that it succeeded. */
function scriptProblem(outcome: HostOutcome): string | undefined {
  const answer = answerOf(runReply, outcome);
  if (answer.kind !== "given") return answer.why;
  const { exit, error, stderr } = answer.data;
  const said = wholeText(stderr).trim().slice(0, 500);
  if (exit === 0) return undefined;
  if (error === NOT_PERMITTED) return `${UPDATE_SERIAL_SCRIPT}: ${error}; ${LIST_IT}`;
  if (error !== undefined) return `${UPDATE_SERIAL_SCRIPT}: ${error}`;
  return `${UPDATE_SERIAL_SCRIPT} ended with ${exit}${said === "" ? "" : `: ${said}`}`;
}
