/** Changes a registered agent's record. */
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { isoSeconds } from "../../core/time.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { shownCertificate } from "../fleet/shown-certificate.ts";
import { targetOf } from "../fleet/targets.ts";
import type { ApprovalOptions } from "../pairing/desk.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { Registered } from "../store/ports/registry.ts";

export interface Unpaired {
  readonly hostname: string;
  /** When its certificate ends, in OpenSSL's text form; undefined if its record is damaged. */
  readonly expiry: string | undefined;
  /** Serials revoked from now on; none without `revoke`. */
  readonly revoked: readonly Serial[];
}

/**
 * Removes the record, even a damaged one.
 *
 * @param revoke also puts every certificate of the host on this controller's revocation list, so that it cannot
 * pose as another host
 * @throws CtrlExecError `not-found`, for the host or for a serial to revoke; then nothing is changed
 */
export async function unpairAgent(
  controller: Controller,
  typed: string,
  revoke: boolean,
): Promise<Unpaired> {
  const { log, now, store } = controller;
  const asked = revoke
    ? await askForSerial(controller, await agentToRemove(controller, typed))
    : [];
  return await store.exclusively(async (writer) => {
    const { hostname, record } = await agentToRemove(controller, typed);
    // Read under the lock: a renewal signs under it, so a certificate that it has just signed is revoked as
    // well.
    const known = revoke ? await knownSerials(controller, { hostname, record }) : [];
    const revoked = [...new Set([...asked, ...known])];
    // Revoke first: after a crash in between, the host can be unpaired again.
    if (revoked.length > 0) {
      await writer.revoke(revoked, `${hostname}, unpaired ${isoSeconds(now())}`);
      log({ event: "revoke", agent: hostname, serials: revoked });
    }
    await writer.removeAgent(hostname);
    await store.clocks.forget(hostname);
    log({ event: "unpair", agent: hostname, expiry: record?.expiry ?? "unknown" });
    return { hostname, expiry: record?.expiry, revoked };
  });
}

interface AgentToRemove {
  readonly hostname: string;
  /** Undefined if it is damaged. */
  readonly record: AgentRecord | undefined;
}

/** A damaged record must not keep its host from being removed. @throws CtrlExecError `not-found` */
async function agentToRemove(controller: Controller, typed: string): Promise<AgentToRemove> {
  const found = await requireRegistered(controller, typed);
  return found.kind === "agent"
    ? { hostname: found.record.hostname, record: found.record }
    : { hostname: found.broken.hostname, record: undefined };
}

/** Every serial of the host that is recorded here. */
async function knownSerials(
  { now, store }: Controller,
  { hostname, record }: AgentToRemove,
): Promise<readonly Serial[]> {
  const noted = readSerialLine(record?.serial ?? "");
  const issued = await store.certificates.issuedTo(hostname, now());
  return noted === undefined ? issued : [...issued, noted];
}

/**
 * A record of 0.8 does not have the serial, so the host itself is asked: before the registry is locked, because
 * that takes as long as the host likes. Empty if there is no need to ask.
 */
async function askForSerial(controller: Controller, agent: AgentToRemove): Promise<Serial[]> {
  if ((await knownSerials(controller, agent)).length > 0) return [];
  const { hostname, record } = agent;
  const hint = `Put the serial into ${controller.store.certificates.revocationList} by hand, then unpair without --revoke.`;
  if (record === undefined) {
    throw new CtrlExecError(
      "not-found",
      `Cannot revoke ${hostname}: its serial is not known, and its record is damaged`,
      { hint },
    );
  }
  try {
    const target = targetOf(hostname, { kind: "agent", record }, controller.agentPort);
    return [(await shownCertificate(openDialler(controller), target)).serial];
  } catch (cause) {
    throw new CtrlExecError(
      "not-found",
      `Cannot revoke ${hostname}: its serial is not known, and ${messageOf(cause)}`,
      { hint, cause },
    );
  }
}

/**
 * Changes how the agent is dialled; undefined members stay as they are.
 * @throws CtrlExecError `not-found`, or `config` for a record that cannot be used
 */
export async function editAgent(
  controller: Controller,
  hostname: string,
  changes: ApprovalOptions,
): Promise<AgentRecord> {
  const { log, store } = controller;
  return await store.exclusively(async (writer) => {
    const found = await requireRegistered(controller, hostname);
    if (found.kind === "broken") throw found.broken.problem;
    const { record } = found;
    const changed: AgentRecord = {
      ...record,
      ip: changes.ip ?? record.ip,
      port: changes.port ?? record.port,
      lookup_by: changes.lookupBy ?? record.lookup_by,
    };
    await writer.putAgent(changed);
    const { ip, lookup_by: by, port } = changed;
    log({ event: "edit-agent", agent: changed.hostname, ip, lookupBy: by, port });
    return changed;
  });
}

async function requireRegistered({ store }: Controller, hostname: string): Promise<Registered> {
  const found = await store.registry.find(hostname);
  if (found !== undefined) return found;
  throw new CtrlExecError("not-found", `Cannot find ${hostname}: no such host is registered`, {
    hint: "See: ctrl-exec list-agents",
  });
}
