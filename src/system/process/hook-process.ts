/** Runs an auth hook, in the same way on both sides. */
import {
  type HookOutcome,
  type HookRequest,
  hookEnvironment,
  hookInput,
  tooLongVariables,
} from "../../core/hook.ts";
import { shortageOf } from "../../core/shortage.ts";
import { BEING_WRITTEN } from "../../core/start-failure.ts";
import { judgeProgram } from "../files/trusted-path.ts";
import { onceWritten } from "./once-written.ts";
import { runProcess } from "./run-process.ts";
import { baseEnvironment } from "./start-program.ts";

/** A hook as configured. */
export interface Hook {
  /** Judged each time: anyone who could change it could decide in its place (T24). */
  readonly file: string;
  /** After this, the hook's whole process group is killed. */
  readonly timeoutSeconds: number;
  /** It reads the JSON, so that variables that are too long may be left out. */
  readonly readsJson: boolean;
}

export async function runHook(hook: Hook, request: HookRequest): Promise<HookOutcome> {
  const outcome = await onceWritten(() => askHook(hook, request), isBeingWritten);
  if (!isBeingWritten(outcome)) return outcome;
  const reason = `${hook.file} is being written`;
  const remedy = "move a new version there with mv instead, and it is complete at once";
  return { kind: "not-executable", reason, remedy };
}

function isBeingWritten(outcome: HookOutcome): boolean {
  return outcome.kind === "not-executable" && outcome.reason === BEING_WRITTEN;
}

async function askHook(hook: Hook, request: HookRequest): Promise<HookOutcome> {
  const { file, timeoutSeconds, readsJson } = hook;
  const judged = judgeProgram(file);
  if (judged.kind === "unusable") {
    return { kind: "not-executable", reason: judged.problem, remedy: judged.remedy };
  }
  if (judged.kind === "refused") {
    return { kind: "not-trusted", problem: judged.problem, remedy: judged.remedy };
  }
  const all = hookEnvironment(request);
  const tooLong = tooLongVariables(all);
  if (tooLong.length > 0 && !readsJson) return { kind: "too-long", variables: tooLong };
  // Left out, not cut: part of a list of hosts would be a different list.
  const fitting = Object.entries(all).filter(([name]) => !tooLong.includes(name));
  const result = await runProcess({
    file: judged.real,
    calledAs: file,
    args: [],
    env: { ...baseEnvironment(), ...Object.fromEntries(fitting) },
    input: hookInput(request),
    timeoutMs: timeoutSeconds * 1000,
    maxOutput: 0,
  });
  if (result.startError === "E2BIG") return { kind: "too-long", variables: [] };
  const shortage = shortageOf(result.startError ?? "");
  if (shortage !== undefined) return { kind: "no-room", shortage };
  if (result.startError !== undefined) return { kind: "not-executable", reason: result.startError };
  if (result.timedOut) return { kind: "timed-out", seconds: timeoutSeconds };
  if (result.exit === undefined) return { kind: "killed", signal: result.signal ?? "a signal" };
  return { kind: "exited", code: result.exit };
}
