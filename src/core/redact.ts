/** Hides a caller's token in what is kept (T27): a script may print its context. */
import { changeError, type RunResult } from "./run-result.ts";
import { SecretMask } from "./secret-mask.ts";
import { type LongText, wholeText } from "./wire/json-pieces.ts";

/**
 * Covers the token, as it is and as it is written in JSON, with marks of the same length.
 *
 * @param isCut more was printed
 */
export function withoutToken(text: string, token: string, isCut = false): string {
  return token === "" ? text : masked(Buffer.from(text, "utf8"), token, isCut).toString("utf8");
}

/** A result whose outputs are short, for the record. */
export function resultWithoutToken(result: RunResult, token: string): RunResult {
  if (token === "") return result;
  const { stdout, stderr, stdout_b64, stderr_b64 } = result;
  const mayLack = (dropped = 0) => dropped > 0 || result.state !== "ended";
  const isCut = { stdout: mayLack(result.stdout_dropped), stderr: mayLack(result.stderr_dropped) };
  const clean = {
    ...result,
    stdout: withoutToken(wholeText(stdout), token, isCut.stdout),
    stderr: withoutToken(wholeText(stderr), token, isCut.stderr),
    ...(stdout_b64 === undefined
      ? {}
      : { stdout_b64: base64WithoutToken(stdout_b64, token, isCut.stdout) }),
    ...(stderr_b64 === undefined
      ? {}
      : { stderr_b64: base64WithoutToken(stderr_b64, token, isCut.stderr) }),
  };
  return changeError(clean, (error) => withoutToken(error, token));
}

function base64WithoutToken(base64: string | LongText, token: string, isCut: boolean): string {
  return masked(Buffer.from(wholeText(base64), "base64"), token, isCut).toString("base64");
}

function masked(bytes: Buffer, token: string, isCut: boolean): Buffer {
  const mask = new SecretMask(token);
  return Buffer.concat([mask.take(bytes), mask.end(isCut)]);
}
