/** When this host's own certificates end. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { readCertificate } from "../../pki/certificate.ts";
import { readText } from "../../system/files/files.ts";
import { ANY_TIME, loadCredential } from "./credential.ts";

/** Each is read when it is asked for. @throws CtrlExecError `config`; undefined if this host has no such certificate */
export type OwnEnds = Readonly<Record<"control-host" | "ca" | "api", () => Date | undefined>>;

export function ownEnds(config: ControllerConfig): OwnEnds {
  const { ca, api_cert } = config;
  const endOf = (file: string) => readCertificate(readText(file), file).notAfter;
  return {
    "control-host": () => loadCredential(config, ANY_TIME).certificate.notAfter,
    ca: () => endOf(ca),
    api: () => (api_cert === undefined ? undefined : endOf(api_cert)),
  };
}
