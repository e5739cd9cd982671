/** The files that pairing leaves behind, each written whole (PROTOCOL section 4). */
import { dirname } from "node:path";
import type { AgentConfig } from "../core/agent-config.ts";
import { ensureFolder, writeWhole } from "../system/files.ts";
import type { Enrolled } from "./enrolment.ts";

/**
 * The certificate comes last: an agent counts as paired when it is there, and with it everything
 * else is.
 */
export function storeIdentity(config: AgentConfig, keyPem: string, enrolled: Enrolled): void {
  ensureFolder(dirname(config.cert), 0o755);
  writeWhole(config.ca, enrolled.ca.pem, 0o644);
  writeWhole(config.dispatcher_serial_path, `${enrolled.controllerSerial}\n`, 0o644);
  writeWhole(config.key, keyPem, 0o640);
  writeWhole(config.cert, enrolled.certPem, 0o640);
}
