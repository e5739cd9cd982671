/** Which agents know the controller's current serial, both for showing it and for acting on it. */
import { CtrlExecError } from "../../core/errors.ts";
import { type RotationView, type SerialStatus, serialStatus } from "../../core/rotation.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import type { RotationState } from "../store/ports/certificates.ts";
import { readChosen } from "../store/ports/registry.ts";
import { loadCredential, replacementProblems } from "./credential.ts";

export interface AgentSerial {
  readonly hostname: string;
  readonly status: SerialStatus;
  /** ISO 8601; empty if never. */
  readonly confirmed: string;
  /** The serial that the agent is known to trust. */
  readonly serial: Serial;
}

export interface SerialReport {
  readonly current: Serial;
  readonly rotation: RotationState | undefined;
  readonly agents: readonly AgentSerial[];
  /** Files that cannot be used, and what to do; the report does without them. */
  readonly problems: readonly CtrlExecError[];
}

/**
 * `serial-status`.
 *
 * @param only these hosts, in lower case; all if it is undefined
 * @throws CtrlExecError `config` if this host has no usable credential
 */
export async function serialReport(
  controller: HostContext,
  only?: ReadonlySet<string>,
): Promise<SerialReport> {
  const { config, now, store } = controller;
  const rotation = await store.rotation.state();
  const view = viewOf(controller, rotation);
  const { agents, broken } = await readChosen(store.registry, only);
  return {
    current: view.current,
    rotation,
    agents: [...agents.values()].map((record) => ({
      hostname: record.hostname,
      status: serialStatus(record, view, now()),
      confirmed: record.serial_confirmed,
      serial: readSerialLine(record.dispatcher_serial) ?? "",
    })),
    problems: [
      ...replacementProblems(config, now()),
      ...(await store.rotation.problems()),
      ...broken.map(({ problem }) => problem),
    ],
  };
}

/** @throws CtrlExecError `config` when this host has no usable credential */
export async function rotationView(controller: HostContext): Promise<RotationView> {
  return viewOf(controller, await controller.store.rotation.state());
}

function viewOf({ config, now }: HostContext, rotation: RotationState | undefined): RotationView {
  const { serial } = loadCredential(config, now()).certificate;
  return { current: serial, overlapExpires: rotation?.overlapExpires };
}

/**
 * Returns a function that tells an agent's status. A host without a usable credential has nothing to compare
 * with, so the record decides.
 */
export async function statusReader(
  controller: HostContext,
): Promise<(record: AgentRecord) => SerialStatus> {
  try {
    const view = await rotationView(controller);
    return (record) => serialStatus(record, view, controller.now());
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError) || thrown.code !== "config") throw thrown;
    return ({ serial_status }) => serial_status;
  }
}
