/** Takes a host out of the registry, and its certificates out of what is trusted. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { isoSeconds, opensslTime, parseOpensslTime } from "../../core/time.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { shownCertificate } from "../fleet/shown-certificate.ts";
import { targetOf } from "../fleet/targets.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import type { IssuedTo } from "../store/ports/certificates.ts";
import { knownSerials } from "../trust/known-serials.ts";
import { notRegistered } from "./agents.ts";

export interface Unpaired {
  readonly hostname: string;
  /** It had been unpaired before, and only its certificates were revoked now. */
  readonly earlier: boolean;
  /** When the last of its certificates ends, in OpenSSL's text form; undefined if nothing says so. */
  readonly expiry: string | undefined;
  /** Every serial of the host that is known here. */
  readonly known: readonly Serial[];
  /** Serials revoked from now on; none without `revoke`. */
  readonly revoked: readonly Serial[];
  /** What was signed and cannot be read: certificates of the host may be missing above. */
  readonly unread: string | undefined;
}

/**
 * Removes the record, even a damaged one.
 *
 * @param revoke also puts every certificate of the host on this controller's revocation list, so that it cannot
 * pose as another host; also when the host was unpaired before
 * @throws CtrlExecError `not-found`, for the host or for a serial to revoke; then nothing is changed
 */
export async function unpairAgent(
  controller: Controller,
  typed: string,
  revoke: boolean,
): Promise<Unpaired> {
  const { log, now, store } = controller;
  const asked = revoke
    ? await askForSerial(controller, await agentToRemove(controller, typed, revoke))
    : [];
  return await store.exclusively(async (writer) => {
    // Read under the lock: a renewal signs under it, so a certificate that it has just signed is revoked as
    // well.
    const agent = await agentToRemove(controller, typed, revoke);
    const { hostname, registered, issued } = agent;
    const known = [...new Set([...asked, ...knownSerials(agent.record, issued)])];
    const revoked = revoke ? known : [];
    // Revoke first: after a crash in between, the host can be unpaired again.
    if (revoked.length > 0) {
      await writer.revoke(revoked, `${hostname}, unpaired ${isoSeconds(now())}`);
      log({ event: "revoke", agent: hostname, serials: revoked });
    } else await noteForLater(controller, agent);
    const expiry = lastExpiry(agent);
    if (registered) {
      await writer.removeAgent(hostname);
      await store.clocks.forget(hostname);
      await store.learned.forget(hostname);
      log({ event: "unpair", agent: hostname, expiry: expiry ?? "unknown" });
    }
    return { hostname, earlier: !registered, expiry, known, revoked, unread: issued.unread };
  });
}

interface AgentToRemove {
  readonly hostname: string;
  /** False for a host that was unpaired before. */
  readonly registered: boolean;
  /** Undefined if it is damaged, or not registered. */
  readonly record: AgentRecord | undefined;
  readonly issued: IssuedTo;
}

/**
 * A damaged record must not keep its host from being removed, nor an earlier unpairing its certificates from
 * being revoked.
 * @throws CtrlExecError `not-found`
 */
async function agentToRemove(
  controller: HostContext,
  typed: string,
  revoke: boolean,
): Promise<AgentToRemove> {
  const { now, store } = controller;
  const found = await store.registry.find(typed);
  const record = found?.kind === "agent" ? found.record : undefined;
  const hostname = record?.hostname ?? (found?.kind === "broken" ? found.broken.hostname : typed);
  const issued = await store.certificates.issuedTo(hostname, now());
  const registered = found !== undefined;
  if (registered || (revoke && issued.certificates.length > 0)) {
    return { hostname, registered, record, issued };
  }
  throw revoke ? nothingToRevoke(controller, hostname, issued) : notRegistered(controller, typed);
}

function nothingToRevoke(
  { config, store }: HostContext,
  hostname: string,
  { unread }: IssuedTo,
): CtrlExecError {
  const known = unread === undefined ? "" : `, and ${unread}`;
  const state = `no such host is registered, no valid certificate of it is known${known}`;
  return new CtrlExecError("not-found", `Cannot revoke ${hostname}: ${state}`, {
    hint: `See: ctrl-exec list-agents${configArgument(config.file)}. A serial that you know can be put into ${store.certificates.revocationList}.`,
  });
}

function lastExpiry({ record, issued }: AgentToRemove): string | undefined {
  const recorded = parseOpensslTime(record?.expiry ?? "");
  const ends = issued.certificates.map(({ notAfter }) => notAfter);
  const [last] = [...ends, recorded ?? []].flat().sort((a, b) => b.getTime() - a.getTime());
  return last === undefined ? undefined : opensslTime(last);
}

/** A certificate of 0.8 that only the record knows could not be revoked once the record is gone. */
async function noteForLater({ store }: HostContext, agent: AgentToRemove): Promise<void> {
  const { hostname, record, issued } = agent;
  const serial = readSerialLine(record?.serial ?? "");
  const notAfter = parseOpensslTime(record?.expiry ?? "");
  if (serial === undefined || notAfter === undefined) return;
  if (issued.certificates.some((certificate) => certificate.serial === serial)) return;
  await store.certificates.note({ serial, notAfter, commonName: hostname });
}

/**
 * A record of 0.8 does not have the serial, so the host itself is asked: before the registry is locked, because
 * that takes as long as the host likes. Empty if there is no need to ask.
 */
async function askForSerial(controller: Controller, agent: AgentToRemove): Promise<Serial[]> {
  const { hostname, record, issued } = agent;
  if (knownSerials(record, issued).length > 0) return [];
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
    return [(await shownCertificate(await openDialler(controller), target)).serial];
  } catch (cause) {
    throw new CtrlExecError(
      "not-found",
      `Cannot revoke ${hostname}: its serial is not known, and ${messageOf(cause)}`,
      { hint, cause },
    );
  }
}
