/** Fan-out: the same work on many hosts, a limited number at once, each with its own result. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError, inOneLine } from "../../core/errors.ts";
import type { Fault } from "../../core/fault.ts";
import { inParallel } from "../../core/in-parallel.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { refusalIn } from "../../core/wire/messages/refusal.ts";
import { workDescriptors } from "../../system/process/descriptors.ts";
import type { AgentReply, AgentRequest } from "./agent-request.ts";
import { askAgent } from "./ask-agent.ts";
import type { DialCredential, DialSetting } from "./dial-setting.ts";
import type { Sending } from "./dialler.ts";
import { faultOf } from "./fault.ts";
import { dialProblem, type Revoked } from "./peer-identity.ts";
import type { ResolvedTarget } from "./targets.ts";

/** What one host answered, or why it did not. */
export interface HostOutcome {
  readonly target: ResolvedTarget;
  readonly reply: AgentReply | undefined;
  /** Set when there is no reply. */
  readonly error: string | undefined;
  /** Why it could not be asked, or did not answer as an agent does; undefined if it did. */
  readonly fault?: Fault;
  /** A reply came, but was too large: the next one would be as well. */
  readonly dropped: boolean;
  /** What came is not a reply that an agent gives: it would come again. */
  readonly garbled?: boolean;
  /**
   * The address that was called; undefined if none was known. Only if there is a reply is it known to be the
   * host's.
   */
  readonly peer: string | undefined;
  /** Milliseconds from the host's own start. */
  readonly rtt: number;
  /** The controller's serial under which the host accepted the request; undefined if it accepted none. */
  readonly acceptedSerial: Serial | undefined;
  /** Whether it refused every serial under which it was asked. */
  readonly refusedSerial: boolean;
  /** Seconds by which its clock is ahead of this host's; undefined if it did not send the time. */
  readonly clockOffset: number | undefined;
}

/** A host for which the work was not done, and why. */
export interface HostProblem {
  readonly host: string;
  readonly error: string;
}

export interface FleetDialler extends DialSetting {
  readonly revoked: Revoked;
  readonly now: () => Date;
  readonly account?: ReplyAccount;
  readonly sending?: Sending;
}

/**
 * Asks every target and calls back once for each, as they answer (T23: never a host without a result). Resolves
 * when all have. The replies count against the budget until then, or until the dialler's own account is closed.
 */
export async function askFleet(
  dialler: FleetDialler,
  targets: readonly ResolvedTarget[],
  request: AgentRequest,
  onOutcome: (outcome: HostOutcome) => void,
): Promise<void> {
  const account = dialler.account ?? dialler.budget.open();
  const counted = { ...dialler, account };
  await inParallel(targets, parallelLimit(dialler.config), async (target) => {
    onOutcome(await askHost(counted, target, request));
  }).finally(() => {
    if (account !== dialler.account) account.close();
  });
}

/**
 * How many hosts to work on at once: if there are more than descriptors, some would wait until their time is up
 * (T65).
 *
 * @param descriptors that each host takes
 */
export function parallelLimit({ max_parallel }: ControllerConfig, descriptors = 1): number {
  return Math.max(1, Math.min(max_parallel, Math.floor(workDescriptors().free / descriptors)));
}

/**
 * Asks one host, under the credential that its record says it trusts, and under the others if it refuses that
 * one. The refusal comes before anything runs, so nothing runs twice.
 */
export async function askHost(
  dialler: FleetDialler,
  target: ResolvedTarget,
  request: AgentRequest,
): Promise<HostOutcome> {
  const started = performance.now();
  let peer: string | undefined;
  const onPeer = (address: string) => {
    peer = address;
  };
  const outcome = (
    reply: AgentReply | undefined,
    found: Partial<
      Pick<
        HostOutcome,
        "error" | "fault" | "dropped" | "garbled" | "acceptedSerial" | "refusedSerial"
      >
    >,
  ): HostOutcome => ({
    target,
    reply,
    error: undefined,
    dropped: false,
    peer,
    acceptedSerial: undefined,
    refusedSerial: false,
    clockOffset: offsetOf(reply, dialler.now()),
    rtt: Math.round(performance.now() - started),
    ...found,
  });
  try {
    const problem = dialProblem(target, dialler.config);
    if (problem !== undefined) throw problem;
    let refused: AgentReply | undefined;
    for (const { serial, credential } of inOrderFor(target, dialler.credentials)) {
      const reply = await askAgent({ ...dialler, serial, credential }, target, request, onPeer);
      if (!isRefusal(reply, CALLER_REFUSALS)) return outcome(reply, { acceptedSerial: serial });
      dialler.sending?.turnedAway(target);
      refused ??= reply;
    }
    return outcome(refused, {
      fault: "serial",
      refusedSerial: refused !== undefined && isRefusal(refused, SERIAL_REFUSALS),
    });
  } catch (thrown) {
    const code = thrown instanceof CtrlExecError ? thrown.code : undefined;
    const found = { dropped: code === "too-large", garbled: code === "protocol" };
    return outcome(undefined, { error: inOneLine(thrown), fault: faultOf(thrown), ...found });
  }
}

function offsetOf(reply: AgentReply | undefined, now: Date): number | undefined {
  if (reply?.heard === undefined) return undefined;
  const { date, at } = reply.heard;
  return Math.round((date.getTime() - now.getTime() + performance.now() - at) / 1000);
}

function inOrderFor(
  { record }: ResolvedTarget,
  credentials: readonly DialCredential[],
): readonly DialCredential[] {
  const known = readSerialLine(record?.dispatcher_serial ?? "");
  const first = credentials.filter(({ serial }) => serial === known);
  return [...first, ...credentials.filter(({ serial }) => serial !== known)];
}

/** The agent knows this host by another serial (docs/PROTOCOL.md, "Checks and refusals"). */
const SERIAL_REFUSALS = ["serial mismatch", "forbidden"];
/** The agent refuses the caller's certificate itself. */
const CALLER_REFUSALS = [...SERIAL_REFUSALS, "certificate revoked"];

function isRefusal({ status, json }: AgentReply, words: readonly string[]): boolean {
  return status === 403 && words.includes(refusalIn(json) ?? "");
}
