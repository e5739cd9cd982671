/** What an agent holds about trust: its own identity, the controller's serial, revocations. */
import { type AgentConfig, pairingStep } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { besideLink } from "../../system/files/beside-link.ts";
import { ControllerSerials } from "./controller-serials.ts";
import { isPaired } from "./identity-files.ts";
import { RevokedSerials } from "./revoked-serials.ts";
import { StoredIdentity } from "./stored-identity.ts";

/** Each follows its files by itself. */
export interface AgentTrust {
  readonly identity: StoredIdentity;
  /** Which callers with a certificate of the CA may call. */
  readonly controller: ControllerSerials;
  readonly revoked: RevokedSerials;
}

/** @throws CtrlExecError `config` that names the file at fault (T09) */
export function loadTrust(config: AgentConfig): AgentTrust {
  requirePaired(config);
  const identity = new StoredIdentity(config);
  const controller = new ControllerSerials(config.dispatcher_serial_path);
  if (controller.problem !== undefined) {
    throw new CtrlExecError("config", controller.problem, {
      hint: `Pair this agent again: ${pairingStep(config)}`,
    });
  }
  return { identity, controller, revoked: new RevokedSerials(config.revoked_serials) };
}

function requirePaired(config: AgentConfig): void {
  if (isPaired(config)) return;
  throw new CtrlExecError("config", `Cannot read ${config.cert}: this agent is not paired`, {
    hint: `${besideLink(config.file)}Pair it: ${pairingStep(config)}`,
  });
}
