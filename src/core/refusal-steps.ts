/** What to do about an agent's short refusals (docs/PROTOCOL.md, sections 2 and 9). */

import { configArgument, type OwnSetting, pairingCommand } from "./config/controller-config.ts";
import { isRequestId } from "./request-id.ts";
import { isScriptName } from "./script-name.ts";
import { NOT_PERMITTED } from "./wire/messages/refusal.ts";

/** For an agent that trusts none of this control host's serials. */
export function pairAgain(own: OwnSetting): string {
  return `pair it again, on that host: ${pairingCommand(own)}`;
}

/**
 * For a screen; data keeps the agent's own words.
 *
 * @param error as in a result
 * @param script that was asked for, if one was
 */
export function withNextStep(error: string, own: OwnSetting, script = ""): string {
  const step = nextStep(error, own, isScriptName(script) ? script : "it");
  return step === undefined ? error : `${error}: ${step}`;
}

function nextStep(error: string, own: OwnSetting, script: string): string | undefined {
  switch (error) {
    case "serial mismatch":
    case "forbidden":
      return `it knows this control host by another certificate; ${pairAgain(own)}`;
    case "certificate revoked":
      return `its revoked-serials file lists this control host's serial: remove that line there, or if the key is no longer safe, replace it here with ctrl-exec setup-ctrl-exec${configArgument(own.file)} and ${pairAgain(own)}`;
    case NOT_PERMITTED:
      return `list ${script} in that host's scripts.conf and reload the agent there; if it is listed, ctrl-exec-agent self-check there says what is wrong with its file`;
    default:
      return undefined;
  }
}

const LOCKED = "locked: it runs there already, as run ";

/** The agent holds the lock as long as the script runs there, whether or not somebody waits for it. */
export function runsAs(reqid: string): string {
  return LOCKED + reqid;
}

/** The run named in that error: what to do about it takes more than a sentence. */
export function runsAlreadyAs(error: string): string | undefined {
  const reqid = error.startsWith(LOCKED) ? error.slice(LOCKED.length) : "";
  return isRequestId(reqid) ? reqid : undefined;
}
