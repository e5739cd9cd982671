/** Why a host could not be asked, in one word. */
import { CtrlExecError } from "../../core/errors.ts";
import { type Fault, faultOfCode } from "../../core/fault.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";

/** @param thrown by askAgent */
export function faultOf(thrown: unknown): Fault {
  if (!(thrown instanceof CtrlExecError)) return "local";
  switch (thrown.code) {
    case "untrusted":
      return "identity";
    case "timeout":
      return "late";
    case "protocol":
    case "too-large":
      return "answer";
    case "unreachable":
      return thrown.cause instanceof ConnectionFailed ? faultOfCode(thrown.cause.code) : "local";
    default:
      return "local";
  }
}
