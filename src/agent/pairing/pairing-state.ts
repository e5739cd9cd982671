/** Whether this agent is paired, as far as the user may see. */
import { lstatSync } from "node:fs";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import { isDenied } from "../../system/files/files.ts";
import { fileToReplace } from "../../system/files/linked-file.ts";
import { isPaired, loadCertificate } from "../trust/identity-files.ts";

export type PairingState =
  | { readonly paired: false }
  | { readonly paired: true; readonly certificate: CertificateFacts }
  /** The certificate may not be read; `paired` is undefined if the user may not even see whether it exists. */
  | { readonly paired: true | undefined; readonly unread: CtrlExecError };

/** @throws CtrlExecError `config` if the certificate can be read but not used */
export function pairingState(config: AgentConfig): PairingState {
  try {
    if (!isPaired(config)) return { paired: false };
    return { paired: true, certificate: loadCertificate(config) };
  } catch (thrown) {
    if (!isForOthers(thrown)) throw thrown;
    return { paired: isSeen(fileToReplace(config.cert)), unread: thrown };
  }
}

/** Whether it failed because the file is for another user to read. */
export function isForOthers(thrown: unknown): thrown is CtrlExecError {
  return thrown instanceof CtrlExecError && isDenied(thrown);
}

/** A file that may not be read can be seen by its name in a folder that may be searched. */
function isSeen(path: string): true | undefined {
  try {
    lstatSync(path);
    return true;
  } catch {
    return undefined;
  }
}
