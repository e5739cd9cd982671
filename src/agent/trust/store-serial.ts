/**
 * `update-ctrl-exec-serial`, the script that the controller calls on every agent when its certificate has
 * changed. It trusts only the agent that runs it: the agent has checked the caller, and says on standard input
 * what it was asked for.
 */
import * as z from "zod/mini";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/reserved-script.ts";
import { readSerialLine, requireRevocations, type Serial } from "../../core/serial.ts";
import { readTextIfPresent } from "../../system/files/files.ts";
import { storeControllerSerial } from "./controller-serials.ts";
import { loadCertificate } from "./identity-files.ts";

/** The context that an agent gives to every script (docs/PROTOCOL.md, section 2). */
const scriptContext = z.object({
  script: z.string(),
  args: z.array(z.string()),
  reqid: z.string(),
  peer_ip: z.string(),
});

/**
 * @param args the program's arguments: the new serial, hex
 * @param input its standard input
 * @throws CtrlExecError `usage` if it was not called by an agent, `bad-request` if the argument is not a
 * controller's serial
 */
export function updateControllerSerial(
  config: AgentConfig,
  args: readonly string[],
  input: string,
): Serial {
  requireAgentCall(args, input);
  return storeNewSerial(config, args);
}

/**
 * @param args what the control host announced: the new serial, hex
 * @throws CtrlExecError `bad-request` for anything that is not a controller's serial, `config` while a line of the
 * revocation list cannot be read, `storage`
 */
export function storeNewSerial(config: AgentConfig, args: readonly string[]): Serial {
  const [text = ""] = args;
  const serial = readSerialLine(text);
  if (args.length !== 1 || serial === undefined || serial === "00") {
    throw new CtrlExecError("bad-request", `Cannot store "${text}": not a certificate's serial`);
  }
  if (loadCertificate(config).serial === serial) {
    throw new CtrlExecError("bad-request", `Cannot store ${serial}: it is this agent's own serial`);
  }
  const list = config.revoked_serials;
  if (requireRevocations(list, readTextIfPresent(list) ?? "").serials.has(serial)) {
    throw new CtrlExecError("bad-request", `Cannot store ${serial}: it is revoked here`);
  }
  storeControllerSerial(config.dispatcher_serial_path, serial);
  return serial;
}

function requireAgentCall(args: readonly string[], input: string): void {
  const context = readJsonAs(scriptContext, input);
  if (context?.script === UPDATE_SERIAL_SCRIPT && sameWords(context.args, args)) return;
  throw new CtrlExecError("usage", `Cannot run ${UPDATE_SERIAL_SCRIPT}: no agent has called it`, {
    hint: "List it in the agent's scripts.conf; the control host calls it at a rotation: ctrl-exec rotate-cert there.",
  });
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}
