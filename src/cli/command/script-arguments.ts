/** Arguments for a script: passed byte for byte, or refused (T11). */
import { readFileSync } from "node:fs";
import { CtrlExecError } from "../../core/errors.ts";

const REPLACEMENT = "\ufffd";

/**
 * JSON carries text. An argument that is not UTF-8 reaches us with replacement characters in it; the kernel's copy of
 * the command line distinguishes it from one that really has such a character.
 *
 * @throws CtrlExecError `usage` that names the argument
 */
export function scriptArguments(args: readonly string[]): readonly string[] {
  if (!args.some((arg) => arg.includes(REPLACEMENT))) return args;
  const exact = exactArguments(args.length);
  for (const [index, arg] of args.entries()) {
    if (exact?.[index] !== arg) {
      throw new CtrlExecError("usage", `Cannot send argument ${index + 1}: it is not UTF-8`, {
        hint: "Encode it, with base64 for example, and let the script decode it.",
      });
    }
  }
  return args;
}

/** The last arguments as the kernel has them; undefined for each that is not UTF-8. */
function exactArguments(count: number): (string | undefined)[] | undefined {
  const raw = readCommandLine();
  if (raw === undefined) return undefined;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pieces: (string | undefined)[] = [];
  for (let start = 0; start < raw.length; ) {
    const end = raw.indexOf(0, start);
    const piece = raw.subarray(start, end < 0 ? raw.length : end);
    try {
      pieces.push(decoder.decode(piece));
    } catch {
      pieces.push(undefined);
    }
    start += piece.length + 1;
  }
  return pieces.slice(-count);
}

function readCommandLine(): Buffer | undefined {
  try {
    return readFileSync("/proc/self/cmdline");
  } catch {
    return undefined;
  }
}
