/** The controller's own revocation list, in the agents' format: certificates on it are not accepted. */
import { attemptValue } from "../../core/check.ts";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { requireRevocations, type Serial } from "../../core/serial.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { ensureFolder, readTextIfPresent, writeWhole } from "../../system/files/files.ts";
import { paths } from "./paths.ts";

/**
 * Read for every fan-out: a revocation takes effect with the next dial.
 * @throws CtrlExecError `config` for a line that is not a serial: an ignored revocation would mean trust
 */
export function readRevoked(config: ControllerConfig): ReadonlySet<Serial> {
  const file = paths(config).revoked;
  return requireRevocations(file, readTextIfPresent(file) ?? "").serials;
}

/**
 * The list as it is whenever it is asked, for connections that last. If it cannot be used meanwhile, what it said before
 * stands.
 *
 * @throws CtrlExecError as readRevoked(), at first
 */
export function liveRevoked(config: ControllerConfig): Pick<ReadonlySet<Serial>, "has"> {
  const { revoked: file } = paths(config);
  let version = fileVersion(file);
  let serials = readRevoked(config);
  return {
    has(serial) {
      const now = fileVersion(file);
      if (now !== version) {
        version = now;
        serials = attemptValue(() => readRevoked(config)).value ?? serials;
      }
      return serials.has(serial);
    },
  };
}

/** Adds the serials. The caller holds the registry lock. */
export function addRevoked(
  config: ControllerConfig,
  serials: readonly Serial[],
  comment: string,
): void {
  const file = paths(config).revoked;
  const text = readTextIfPresent(file) ?? "";
  const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  ensureFolder(config.state_dir, 0o755);
  writeWhole(
    file,
    `${before}# ${comment}\n${serials.map((serial) => `${serial}\n`).join("")}`,
    0o640,
  );
}
