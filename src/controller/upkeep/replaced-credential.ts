/**
 * Restores this host's certificate when something else has replaced it, usually 0.8's `rotate-cert`, which tells
 * agents under the new certificate, so that none of them accepts it.
 *
 * The replacement is kept in credentials/, for agents that were paired under it in the meantime. The writes are those
 * of a rotation from the one to the other, and finishRotation completes what a crash has cut off. The state is
 * written first: while it named the other one, a copy of that would count.
 */
import type { Serial } from "../../core/serial.ts";
import { ensureFolder, readTextIfPresent, writeWhole } from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import { paths } from "../store/paths.ts";
import { keptText, loadCredentials } from "../trust/credential.ts";
import { keep, markAgents, placeSteps, type RotationStep } from "./rotation.ts";

/**
 * Makes sure that the certificate in force is stored, and its copy too. The caller holds the maintenance lock,
 * and has finished the rotation before.
 *
 * @returns the serial of the replacement; undefined if nothing was wrong
 * @throws CtrlExecError `config` if the stored files cannot be used, `storage`
 */
export async function restoreCredential(controller: HostContext): Promise<Serial | undefined> {
  const { config, log, now } = controller;
  const { current, replacement } = loadCredentials(config, now());
  if (replacement === undefined) {
    keepInForce(controller, keptText(current.keyPem, current.certificate));
    return undefined;
  }
  for (const step of restoreSteps(controller)) await step.run();
  const { serial } = replacement.certificate;
  log({ event: "cert-replaced", replacedBy: serial, serial: current.certificate.serial });
  return serial;
}

/** The writes, in order; none if there is nothing to restore. */
export function restoreSteps(controller: HostContext): RotationStep[] {
  const { config, now, store } = controller;
  const { current, replacement } = loadCredentials(config, now());
  if (replacement === undefined) return [];
  const inForce = current.certificate.serial;
  const other = replacement.certificate.serial;
  return [
    { name: "commit", run: () => store.rotation.commit(inForce, other, now()) },
    { name: "keep the other", run: () => keep(controller, replacement) },
    { name: "stage", run: () => keep(controller, current) },
    { name: "mark", run: () => markAgents(controller) },
    ...placeSteps(controller, current),
  ];
}

function keepInForce({ config }: HostContext, content: string): void {
  const { credentials, inForce } = paths(config);
  if (readTextIfPresent(inForce) === content) return;
  ensureFolder(credentials, 0o700);
  writeWhole(inForce, content, 0o600);
}
