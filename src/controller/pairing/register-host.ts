/** Signs for a host and registers it: what an approval and a join have in common. */

import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { Serial } from "../../core/serial.ts";
import type { Tags } from "../../core/tags.ts";
import { isoSeconds, opensslTime } from "../../core/time.ts";
import type { ApprovalAnswer } from "../../core/wire/messages/pairing.ts";
import type { JudgedCsr } from "../../pki/csr.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import type { HostNews } from "../store/ports/learned.ts";
import type { Registered } from "../store/ports/registry.ts";
import type { Writer } from "../store/ports.ts";
import { signHost } from "../trust/ca.ts";
import { caCertificate } from "../trust/ca-certificate.ts";
import { loadCredential } from "../trust/credential.ts";

export interface NewHost {
  readonly hostname: string;
  readonly ip: string;
  readonly port: number | undefined;
  readonly lookupBy: "hostname" | "ip" | undefined;
  /** From its certificate request, which has been checked. */
  readonly publicKey: JudgedCsr["publicKey"];
  readonly nonce: string;
  readonly reqid: string;
  /** What it says about itself. */
  readonly report: HostNews;
}

/** The outcome. */
export interface Approval {
  readonly record: AgentRecord;
  /** What this record replaces; the operator is told (T06). */
  readonly replaced: Registered | undefined;
}

/**
 * The caller holds the store exclusively.
 *
 * @param tagsOf computes the control host's own tags for the host from those that the name had before
 */
export async function registerHost(
  controller: HostContext,
  writer: Writer,
  host: NewHost,
  tagsOf: (before: Tags | undefined) => Tags | undefined,
): Promise<Approval & { readonly answer: ApprovalAnswer }> {
  const { config, now, store } = controller;
  const controllerSerial = serialToKnow(controller);
  const certificate = await signHost(controller, host.hostname, host.publicKey);
  const replaced = await store.registry.find(host.hostname);
  const paired = isoSeconds(now());
  const record: AgentRecord = {
    hostname: host.hostname,
    ip: host.ip,
    paired,
    expiry: opensslTime(certificate.notAfter),
    reqid: host.reqid,
    dispatcher_serial: controllerSerial,
    serial_status: "current",
    serial_broadcast: "",
    serial_confirmed: paired,
    serial: certificate.serial,
    renewed: "",
    port: host.port,
    lookup_by: host.lookupBy,
    tags: tagsOf(replaced?.kind === "agent" ? replaced.record.tags : undefined),
  };
  const ca = caCertificate(config);
  await writer.putAgent(record);
  // Reports by the host that had the name before do not apply to this one.
  await store.learned.forget(host.hostname);
  await store.learned.learn(new Map([[host.hostname, host.report]]));
  const answer: ApprovalAnswer = {
    status: "approved",
    cert: certificate.pem,
    ca: ca.pem,
    nonce: host.nonce,
    dispatcher_serial: controllerSerial,
  };
  return { record, replaced, answer };
}

/**
 * The serial of the certificate by which the agent will know this host. One that is not valid yet would shut
 * this host out (T68).
 */
function serialToKnow({ config, now }: HostContext): Serial {
  const { serial, notBefore } = loadCredential(config, now()).certificate;
  if (notBefore <= now()) return serial;
  const state = `${config.cert} is not valid before ${opensslTime(notBefore)}`;
  throw new CtrlExecError("config", `Cannot approve it: ${state}`, {
    hint: `It was made while this host's clock was wrong. Check the clock, then: ctrl-exec maintain${configArgument(config.file)}`,
  });
}
