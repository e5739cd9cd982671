/** Runs an auth hook: the same way on both sides. */
import { accessSync, constants, statSync } from "node:fs";
import { type HookOutcome, type HookRequest, hookEnvironment, hookInput } from "../core/hook.ts";
import { baseEnvironment, runProcess } from "./process.ts";

/** @param timeoutSeconds after it the hook's whole process group is killed */
export async function runHook(
  file: string,
  request: HookRequest,
  timeoutSeconds: number,
): Promise<HookOutcome> {
  if (!isExecutable(file)) return { kind: "not-executable", reason: file };
  const result = await runProcess({
    file,
    args: [],
    env: { ...baseEnvironment(), ...hookEnvironment(request) },
    input: hookInput(request),
    timeoutMs: timeoutSeconds * 1000,
    maxOutput: 0,
  });
  if (result.startError === "E2BIG") return { kind: "too-long" };
  if (result.startError !== undefined) return { kind: "not-executable", reason: result.startError };
  if (result.timedOut) return { kind: "timed-out", seconds: timeoutSeconds };
  if (result.exit === undefined) return { kind: "killed", signal: result.signal ?? "a signal" };
  return { kind: "exited", code: result.exit };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
