/** Runs an auth hook: the same way on both sides. */
import { type HookOutcome, type HookRequest, hookEnvironment, hookInput } from "../core/hook.ts";
import { baseEnvironment, runProcess } from "./process.ts";
import { judgeProgram } from "./trusted-path.ts";

/**
 * @param file judged anew each time: who could change it could decide in its place (T24)
 * @param timeoutSeconds after it the hook's whole process group is killed
 */
export async function runHook(
  file: string,
  request: HookRequest,
  timeoutSeconds: number,
): Promise<HookOutcome> {
  const judged = judgeProgram(file);
  if (judged.kind === "unusable") return { kind: "not-executable", reason: judged.problem };
  if (judged.kind === "refused") {
    return { kind: "not-trusted", problem: judged.problem, remedy: judged.remedy };
  }
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
