/** `rotation.json`: the last rotation of the controller's certificate (docs/PROTOCOL.md, section 4). */
import * as z from "zod/mini";
import { type ControllerConfig, configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { ControlLog } from "../../core/events.ts";
import { readSerialLine, type Serial } from "../../core/serial.ts";
import { addDays, isoSeconds } from "../../core/time.ts";
import { ensureFolder, readTextIfPresent, writeWhole } from "../../system/files/files.ts";
import { paths } from "./paths.ts";
import type { RotationState, StoredRotation } from "./ports/certificates.ts";

const serial = z.pipe(
  z.string(),
  z.transform((text) => readSerialLine(text)),
);

const time = z.pipe(
  z.nullish(z.string()),
  z.transform((text) => {
    const date = new Date(text ?? "");
    return Number.isNaN(date.getTime()) ? undefined : date;
  }),
);

const stored = z.object({
  current_serial: serial,
  previous_serial: z.optional(z.catch(serial, undefined)),
  rotated_at: time,
  overlap_expires: time,
});

/** @throws CtrlExecError `config` if it exists but cannot be read */
export function readRotation(config: ControllerConfig): StoredRotation {
  const file = paths(config).rotation;
  const text = readTextIfPresent(file);
  if (text === undefined) return { kind: "none" };
  try {
    const found = stored.parse(JSON.parse(text));
    if (found.current_serial === undefined) return { kind: "corrupt", reason: "no current_serial" };
    return {
      kind: "state",
      state: {
        currentSerial: found.current_serial,
        previousSerial: found.previous_serial,
        rotatedAt: found.rotated_at,
        overlapExpires: found.overlap_expires,
      },
    };
  } catch (thrown) {
    return { kind: "corrupt", reason: thrown instanceof SyntaxError ? "not JSON" : "wrong shape" };
  }
}

/** The state, or undefined if there is none; a corrupt one is logged. */
export function rotationState(
  config: ControllerConfig,
  log: ControlLog,
): RotationState | undefined {
  const rotation = readRotation(config);
  if (rotation.kind === "corrupt") {
    log({
      event: "rotation-state-corrupt",
      error: "the last rotation is not known",
      path: paths(config).rotation,
      reason: rotation.reason,
    });
  }
  return rotation.kind === "state" ? rotation.state : undefined;
}

/** What is wrong with the file, and what to do; empty if nothing is. */
export function rotationProblems(config: ControllerConfig): CtrlExecError[] {
  const rotation = readRotation(config);
  if (rotation.kind !== "corrupt") return [];
  const message = `Cannot use ${paths(config).rotation}: ${rotation.reason}`;
  return [
    new CtrlExecError("config", message, {
      hint: `Restore it from a backup, or rotate again, which loses no agent: ctrl-exec rotate-cert${configArgument(config.file)}`,
    }),
  ];
}

/** The write that commits a rotation. */
export function writeRotation(
  config: ControllerConfig,
  current: Serial,
  previous: Serial,
  now: Date,
): void {
  const file = {
    current_serial: current,
    previous_serial: previous,
    rotated_at: isoSeconds(now),
    overlap_expires: isoSeconds(addDays(now, config.cert_overlap_days)),
    overlap_days: config.cert_overlap_days,
  };
  ensureFolder(config.state_dir, 0o755);
  writeWhole(paths(config).rotation, `${JSON.stringify(file, undefined, 2)}\n`, 0o640);
}
