/**
 * The set-up of a control host and the pairing of an agent by the product's own functions inside the test's process: what
 * the commands do, without a process or a wire. For tests that are about something else.
 */
import { storeIdentity } from "../../src/agent/trust/identity-files.ts";
import type { Controller } from "../../src/controller/control-host.ts";
import { LiveCounts } from "../../src/controller/metrics/live-counts.ts";
import { LiveNotices } from "../../src/controller/notices/live-notices.ts";
import { type ApprovalOptions, approveRequest } from "../../src/controller/pairing/desk.ts";
import { submitRequest } from "../../src/controller/pairing/queue.ts";
import { openFileStore } from "../../src/controller/store/file-store.ts";
import { setupCa, setupController } from "../../src/controller/trust/ca.ts";
import type { AgentConfig } from "../../src/core/config/agent-config.ts";
import { parseControllerConfig } from "../../src/core/config/controller-config.ts";
import { readSerialLine } from "../../src/core/serial.ts";
import { pairingAnswer } from "../../src/core/wire/messages/pairing.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { createCsr } from "../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../src/pki/keys.ts";

/** What a command of the control host works with; its log goes nowhere. */
export async function localController(file: string, text: string): Promise<Controller> {
  const { config } = await parseControllerConfig(file, text);
  const context = { config, log: () => undefined, now: () => new Date() };
  return {
    ...context,
    store: openFileStore(context),
    counts: new LiveCounts(),
    notices: new LiveNotices(),
    dialler: undefined,
    agentPort: undefined,
  };
}

/** `setup-ca` and `setup-ctrl-exec`. Returns the CA's fingerprint. */
export async function setupLocally(controller: Controller): Promise<string> {
  const { certificate } = await setupCa(controller);
  await setupController(controller);
  return certificate.fingerprint;
}

/**
 * `request-pairing` and `approve`.
 * @param ownKey PEM; undefined makes one of P-256
 */
export async function pairLocally(
  controller: Controller,
  hostname: string,
  config: AgentConfig,
  options: ApprovalOptions,
  ownKey?: string,
): Promise<void> {
  const keyPem = ownKey ?? (await generateKeyPem("ec"));
  const csr = await createCsr(hostname, readPrivateKey(keyPem, "the key"));
  const nonce = "0123456789abcdef0123456789abcdef";
  const asked = { hostname, csr, nonce, port: config.port };
  const submission = await submitRequest(controller, asked, "127.0.0.1");
  if (submission.kind !== "pending") throw new Error(submission.kind);
  const { id } = submission.request;
  await approveRequest(controller, id, options);
  const answer = pairingAnswer.parse(
    JSON.parse((await controller.store.pairing.takeAnswer(id)) ?? ""),
  );
  if (answer.status !== "approved") throw new Error(answer.reason);
  storeIdentity(config, keyPem, {
    certPem: answer.cert,
    ca: readCertificate(answer.ca, "the CA"),
    controllerSerial: readSerialLine(answer.dispatcher_serial) ?? "",
  });
}
