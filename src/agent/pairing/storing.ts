/**
 * An approval comes once: until it is stored, only this process has it. So we prove that it can be stored
 * before we ask, and try again if storing fails all the same (T22).
 */
import { dirname, join } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { ensureFolder, removeIfPresent, writeWhole } from "../../system/files/files.ts";
import { fileToReplace } from "../../system/files/linked-file.ts";
import { removeDead } from "../../system/files/temporary-file.ts";

/** The folders that a pairing writes to, with links followed. */
function foldersOf({ cert, key, ca, dispatcher_serial_path }: AgentConfig): Set<string> {
  const files = [key, ca, fileToReplace(dispatcher_serial_path), fileToReplace(cert)];
  return new Set(files.map((path) => dirname(path)));
}

/** Removes what killed writes of this user have left there, as the next pairing would. Never throws. */
export function removeLeftovers(config: AgentConfig): void {
  for (const folder of foldersOf(config)) removeDead(folder);
}

/** More than key, certificate and CA together. */
const PROBE = new Uint8Array(16_384);

/**
 * Writes and removes a file in each folder that a pairing writes to.
 * @throws CtrlExecError `storage` that names the folder's file
 */
export function proveStorable(config: AgentConfig): void {
  const { cert, key, ca, dispatcher_serial_path } = config;
  const made = new Set([key, ca, dispatcher_serial_path, cert].map((path) => dirname(path)));
  for (const folder of foldersOf(config)) {
    // Always the same name, so the next probe removes what a kill left.
    const probe = join(folder, ".pairing-probe");
    try {
      // The folder that a link leads to has its own owner and mode, which the installer knows.
      if (made.has(folder)) ensureFolder(folder, 0o755);
      writeWhole(probe, PROBE, 0o600);
      removeIfPresent(probe);
    } catch (thrown) {
      if (!(thrown instanceof CtrlExecError)) throw thrown;
      throw new CtrlExecError(thrown.code, `Cannot pair: ${thrown.message}`, {
        hint: [
          thrown.hint ?? `Pairing has to store the control host's answer in ${folder}.`,
          "Nothing was sent to the control host.",
        ].join("\n"),
        cause: thrown,
      });
    }
  }
}

export interface Patience {
  readonly forMs: number;
  readonly everyMs: number;
  /** Called once, at the first failure. */
  onFailure(problem: CtrlExecError): void;
}

/**
 * @param store can be repeated after it has failed at any point
 * @throws CtrlExecError the last failure, when the time is up
 */
export async function storeWithPatience(store: () => void, patience: Patience): Promise<void> {
  const end = performance.now() + patience.forMs;
  for (let first = true; ; first = false) {
    try {
      store();
      return;
    } catch (thrown) {
      if (!(thrown instanceof CtrlExecError)) throw thrown;
      if (performance.now() >= end) throw lost(thrown);
      if (first) patience.onFailure(thrown);
    }
    await Bun.sleep(patience.everyMs);
  }
}

function lost(cause: CtrlExecError): CtrlExecError {
  return new CtrlExecError("storage", `Cannot store what was approved: ${cause.message}`, {
    hint: "The approval is lost. Correct that, and run request-pairing again.",
    cause,
  });
}
