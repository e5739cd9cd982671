/**
 * Renews agents' certificates before they end: the agent makes a request from its present key, the CA signs it
 * for the registered name, and the agent checks the certificate and puts it in force.
 */
import { secondsSince } from "../../core/clock.ts";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { inParallel } from "../../core/in-parallel.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import { newRequestId } from "../../core/request-id.ts";
import { lastsLonger } from "../../core/rotation.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { isoSeconds, opensslTime, parseOpensslTime } from "../../core/time.ts";
import { refusalIn } from "../../core/wire/messages/refusal.ts";
import { renewReply } from "../../core/wire/messages/renew.ts";
import { type CertificateFacts, readCertificate } from "../../pki/certificate.ts";
import { readText } from "../../system/files/files.ts";
import { type Controller, openDialler } from "../control-host.ts";
import type { AgentRequest } from "../fleet/agent-request.ts";
import { askHost, type FleetDialler, type HostProblem, parallelLimit } from "../fleet/fan-out.ts";
import { shownCertificate } from "../fleet/shown-certificate.ts";
import { type ResolvedTarget, targetOf } from "../fleet/targets.ts";
import { requireRightClock } from "../inventory/clock-check.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import type { Registered } from "../store/ports/registry.ts";
import { renewalDueAt } from "../trust/renewal-due.ts";

/** The agents to be renewed now. Stale ones are left out: they refuse every credential of this host. */
export function dueForRenewal(
  { config, now }: HostContext,
  records: Iterable<AgentRecord>,
): AgentRecord[] {
  const due = [...records].filter((record) => {
    if (record.serial_status === "stale") return false;
    const dueAt = renewalDueAt(record, config.cert_days);
    return dueAt !== undefined && (dueAt <= now() || isFromAhead(record, now()));
  });
  if (due.length === 0) return [];
  const ca = readCertificate(readText(config.ca), config.ca);
  return due.filter((record) => {
    if (isFromAhead(record, now())) return true;
    const expires = parseOpensslTime(record.expiry);
    return expires !== undefined && lastsLonger(expires, ca.notAfter, config.cert_days, now());
  });
}

/**
 * Whether its certificate was made while this host's clock was ahead: then it is unknown which one it has
 * (T68).
 */
function isFromAhead({ paired, renewed }: AgentRecord, now: Date): boolean {
  return secondsSince(new Date(renewed === "" ? paired : renewed), now) === undefined;
}

export interface RenewalReport {
  readonly renewed: readonly string[];
  readonly notRenewed: readonly HostProblem[];
}

/**
 * Renews each agent. If that fails, it keeps its old certificate and is tried again at the next check.
 *
 * @param force goes on when other hosts' clocks disagree with this one's
 * @throws CtrlExecError `untrusted` if they do
 */
export async function renewAgents(
  controller: Controller,
  records: readonly AgentRecord[],
  force = false,
): Promise<RenewalReport> {
  const { config } = controller;
  const renewed: string[] = [];
  const notRenewed: HostProblem[] = [];
  if (records.length === 0) return { renewed, notRenewed };
  // The name goes into a certificate, so the host's identity is checked whatever the configured policy.
  const strict = { ...config, verify_agent_identity: "strict" } as const;
  const dialler: FleetDialler = { ...(await openDialler(controller)), config: strict };
  const { agentPort, store } = controller;
  const present = await store.registry.findAll(records.map(({ hostname }) => hostname));
  const targets = records.map(({ hostname }) =>
    targetOf(hostname, present.get(lowerAscii(hostname)), agentPort),
  );
  await requireRightClock(controller, "renew certificates", force);
  await inParallel(targets, parallelLimit(config), async (target) => {
    const failure = await renewAgent(controller, dialler, target);
    if (failure === undefined) renewed.push(target.name);
    else notRenewed.push({ host: target.name, error: failure });
  });
  return { renewed, notRenewed };
}

/** Returns why it failed; undefined if it succeeded. */
async function renewAgent(
  controller: HostContext,
  dialler: FleetDialler,
  target: ResolvedTarget,
): Promise<string | undefined> {
  const { log, config } = controller;
  const reqid = newRequestId();
  const where = { reqid, target: target.name };
  log({ event: "renew", ...where, status: "starting" });
  let handedOver = false;
  try {
    const csr = await askForRequest(dialler, target, reqid);
    const { judgeCsr } = await import("../../pki/csr.ts");
    const { publicKey } = judgeCsr(csr, target.name);
    await noteUnknown(controller, dialler, target);
    const certificate = await signIfUnchanged(controller, target, publicKey);
    handedOver = true;
    await deliver(dialler, target, {
      cert: certificate.pem,
      ca: readCertificate(readText(config.ca), config.ca).pem,
      reqid,
    });
    await recordRenewal(controller, target.name, certificate);
    log({ event: "renew-complete", ...where, expiry: opensslTime(certificate.notAfter) });
    return undefined;
  } catch (thrown) {
    const error = messageOf(thrown);
    log({ event: handedOver ? "renew-complete-fail" : "renew-fail", ...where, error });
    return error;
  }
}

/**
 * A certificate of 0.8 is not recorded here. Record it before another replaces it in the agent's record, or
 * unpair --revoke would miss it.
 */
async function noteUnknown(
  { store }: HostContext,
  dialler: FleetDialler,
  target: ResolvedTarget,
): Promise<void> {
  const { record } = target;
  if (record === undefined || readSerialLine(record.serial) !== undefined) return;
  const shown = await shownCertificate(dialler, target);
  await store.certificates.note({ ...shown, commonName: record.hostname });
}

/**
 * Signs under the registry's lock, which unpairing takes too: a host that was revoked while it was being asked
 * gets nothing, and if it is revoked afterwards, this certificate is among its serials (T05).
 */
async function signIfUnchanged(
  controller: HostContext,
  { name, record }: ResolvedTarget,
  publicKey: Buffer,
): Promise<CertificateFacts> {
  const { store } = controller;
  const { signHost } = await import("../trust/ca.ts");
  return await store.exclusively(async () => {
    const present = await store.registry.find(name);
    const problem = changeOf(record, present, await store.certificates.revoked());
    if (problem !== undefined) {
      throw new CtrlExecError("untrusted", `Cannot renew ${name}: ${problem} meanwhile`);
    }
    return await signHost(controller, name, publicKey);
  });
}

/** What has happened to the host that forbids signing for it; undefined if nothing has. */
function changeOf(
  before: AgentRecord | undefined,
  present: Registered | undefined,
  revoked: ReadonlySet<Serial>,
): string | undefined {
  if (present === undefined) return "it was unpaired";
  if (present.kind === "broken") return "its record was damaged";
  const { serial } = present.record;
  // Only this serial, not all that were ever issued to the name: a host that was paired again may be renewed.
  if (serial !== before?.serial) return "it was given another certificate";
  return revoked.has(serial) ? "its certificate was revoked" : undefined;
}

async function askForRequest(
  dialler: FleetDialler,
  target: ResolvedTarget,
  reqid: string,
): Promise<string> {
  const json = await ask(dialler, target, {
    method: "POST",
    path: "/renew",
    body: { reqid },
    reply: "words",
  });
  const answered = renewReply.safeParse(json);
  if (answered.success) return answered.data.csr;
  throw new CtrlExecError("protocol", `${target.name} answered /renew without a request`);
}

async function deliver(
  dialler: FleetDialler,
  target: ResolvedTarget,
  body: { readonly cert: string; readonly ca: string; readonly reqid: string },
): Promise<void> {
  await ask(dialler, target, { method: "POST", path: "/renew-complete", body, reply: "words" });
}

/** The answer's JSON. @throws CtrlExecError with the agent's reason */
async function ask(
  dialler: FleetDialler,
  target: ResolvedTarget,
  request: AgentRequest,
): Promise<unknown> {
  const { reply, error } = await askHost(dialler, target, request);
  if (reply === undefined) throw new CtrlExecError("unreachable", error ?? "no answer");
  if (reply.status === 200) return reply.json;
  if (reply.status === 404) {
    throw new CtrlExecError("protocol", `${target.name} has no ${request.path}: it runs 0.8`, {
      hint: "Update the agent, or pair it again before its certificate ends.",
    });
  }
  const why = refusalIn(reply.json) ?? `status ${reply.status}`;
  throw new CtrlExecError(
    "protocol",
    `${target.name} refuses ${request.path}: ${withNextStep(why, dialler.config)}`,
  );
}

async function recordRenewal(
  { now, store }: HostContext,
  hostname: string,
  certificate: CertificateFacts,
): Promise<void> {
  const renewed = {
    expiry: opensslTime(certificate.notAfter),
    serial: certificate.serial,
    renewed: isoSeconds(now()),
  };
  await store.registry.change((record) => ({ ...record, ...renewed }), [hostname]);
}
