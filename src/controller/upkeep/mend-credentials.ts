/**
 * Signs this host's certificates again if they are not valid now, because the clock was wrong when they were
 * made or nobody renewed them in time: for the same key and under the same serial, by which agents know this
 * host. An agent that was paired under one, and trusts no other, can be reached again (T68).
 *
 * A lifetime is only ever extended: if it is the present clock that is wrong, nothing is lost.
 */

import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { addDays, opensslTime } from "../../core/time.ts";
import { type CertificateFacts, isSignedBy, readCertificate } from "../../pki/certificate.ts";
import { privateKeyAlone } from "../../pki/keys.ts";
import {
  listFolder,
  readPrivateText,
  readText,
  readTextIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import { paths } from "../store/paths.ts";
import { keptSerial, keptText } from "../trust/credential.ts";

/**
 * The caller holds the maintenance lock. Each file is replaced by one rename: a crash leaves the old or the new one.
 *
 * @returns the serials of those that were repaired
 * @throws CtrlExecError `config` if a file of this host cannot be used
 */
export async function mendCredentials(controller: HostContext): Promise<string[]> {
  const { config, log } = controller;
  const ca = readCertificate(readText(config.ca), config.ca);
  const mended: string[] = [];
  for (const { file, inForce } of certificateFiles(config)) {
    const text = inForce ? readText(file) : readPrivateText(file);
    const certificate = readCertificate(text, file);
    if (!isSignedBy(certificate, ca)) continue;
    const ended = inForce && certificate.notAfter <= controller.now();
    if (certificate.notBefore <= controller.now() && !ended) continue;
    const { signAgain } = await import("../trust/ca.ts");
    const longer = await signAgain(controller, certificate, lifeWithNow(controller, certificate));
    if (inForce) writeWhole(file, `${longer.pem.trimEnd()}\n`, 0o644);
    else writeWhole(file, keptText(privateKeyAlone(text, file), longer), 0o600);
    log({
      event: "cert-mended",
      notAfter: opensslTime(longer.notAfter),
      notBefore: opensslTime(longer.notBefore),
      path: file,
      serial: certificate.serial,
    });
    mended.push(certificate.serial);
  }
  return mended;
}

/** The stored certificate, and those of rotations, with their keys. */
function certificateFiles(config: ControllerConfig) {
  const { credentials } = paths(config);
  const kept = listFolder(credentials)
    .filter((name) => keptSerial(name) !== undefined)
    .map((name) => ({ file: join(credentials, name), inForce: false }));
  if (readTextIfPresent(config.cert) === undefined) return kept;
  return [{ file: config.cert, inForce: true }, ...kept];
}

function lifeWithNow({ config, now }: HostContext, { notBefore, notAfter }: CertificateFacts) {
  const begins = addDays(now(), -config.cert_backdate / 86_400);
  const ends = addDays(now(), config.cert_days);
  return {
    notBefore: begins < notBefore ? begins : notBefore,
    notAfter: ends > notAfter && notAfter <= now() ? ends : notAfter,
  };
}
