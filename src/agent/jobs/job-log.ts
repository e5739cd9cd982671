/** What is logged of every run: that it has started, and how it ended. */
import type { AgentLog } from "../../core/events.ts";
import type { RunEnding } from "../../core/run-event.ts";

/** From what the control host asked for. */
export interface LoggedRequest {
  readonly reqid: string;
  readonly script: string;
  readonly peer_ip: string;
  readonly hub?: string | undefined;
}

export function logStart(
  log: AgentLog,
  { reqid, script, peer_ip: peer, hub: via }: LoggedRequest,
): void {
  log({ event: "run-start", peer, reqid, script, via });
}

export function logStalled(log: AgentLog, { reqid, script }: LoggedRequest, bytes: number): void {
  log({ event: "stdin-timeout", bytes, reqid, script });
}

export function logEnd(
  log: AgentLog,
  { reqid, script, peer_ip: peer, hub: via }: LoggedRequest,
  { state, exit, error = "", started, ended: at }: RunEnding,
): void {
  const ended = { exit, peer, reqid, script, via };
  const took = new Date(at).getTime() - new Date(started).getTime();
  if (state === "ended") log({ event: "run", ...ended, took: took >= 0 ? took : undefined });
  else log({ event: "run-problem", error, ...ended });
}
