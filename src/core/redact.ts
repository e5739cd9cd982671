/** Takes a caller's token out of what is kept (T27): a script may print the context it was given. */
import type { RunResult } from "./results.ts";

const MARK = "[token]";

/** The token as it is, and as JSON spells it. */
export function withoutToken(text: string, token: string): string {
  if (token === "") return text;
  return text.replaceAll(JSON.stringify(token).slice(1, -1), MARK).replaceAll(token, MARK);
}

/** A result as the log and the record may have it. */
export function resultWithoutToken(result: RunResult, token: string): RunResult {
  if (token === "") return result;
  const { stdout_b64, stderr_b64, error, ...rest } = result;
  return {
    ...rest,
    stdout: withoutToken(result.stdout, token),
    stderr: withoutToken(result.stderr, token),
    ...(error === undefined ? {} : { error: withoutToken(error, token) }),
    ...(stdout_b64 === undefined ? {} : { stdout_b64: bytesWithoutToken(stdout_b64, token) }),
    ...(stderr_b64 === undefined ? {} : { stderr_b64: bytesWithoutToken(stderr_b64, token) }),
  };
}

/** Latin-1 keeps every byte as one character, so that bytes can be searched as text. */
function bytesWithoutToken(base64: string, token: string): string {
  const bytes = Buffer.from(base64, "base64").toString("latin1");
  const wanted = Buffer.from(token, "utf8").toString("latin1");
  return Buffer.from(withoutToken(bytes, wanted), "latin1").toString("base64");
}
