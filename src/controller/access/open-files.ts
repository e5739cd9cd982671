/**
 * The files besides ctrl-exec.conf that grant this host's power: its keys and certificates, its CA, and the folders
 * of its state. Anyone who can write the registry decides who answers for a host; anyone who can write the pairing
 * queue decides what an agent is answered; and anyone who can write a folder can put a link in root's way (T62).
 */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { refuseUntrusted } from "../../system/files/trusted-file.ts";
import { paths } from "../store/paths.ts";

/** @throws CtrlExecError `config` that names the first that others could change, and how to correct it */
export function refuseOpenFiles(config: ControllerConfig): void {
  const { ca_dir, state_dir, cert, key, ca, api_cert, api_key } = config;
  const named = [ca_dir, state_dir, cert, key, ca, api_cert, api_key];
  for (const path of new Set([...named, ...Object.values(paths(config))])) {
    if (path !== undefined) refuseUntrusted(path);
  }
}
