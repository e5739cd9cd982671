/** Names in a configuration file that were most likely meant to be others. Pure. */
import { lowerAscii } from "../net/host-name.ts";
import { nearestMatch } from "../text.ts";

/** Without one of these, a program would allow what it was told to refuse. */
const DECIDING = [
  "allowed_ips",
  "api_auth_default",
  "api_hosts",
  "auth_hook",
  "revoked_serials",
  "script_dirs",
  "verify_agent_identity",
];

/** A key of agent.conf that begins as one of ctrl-exec.conf does: it is in the wrong file, and not mistyped. */
const OF_THE_OTHER_FILE = ["connect"];

/**
 * The known name that an unknown one was most likely meant to be. A mistyped setting must not be ignored: without its
 * hook or its `allowed_ips`, a program would allow what it was told to refuse (T28).
 *
 * It must be closer than the guess in a hint has to be: files of other versions have keys that are unknown here.
 * Names that decide about power may differ more, or be in the middle of other words: `export auth_hook`.
 */
export function slipOf(typed: string, known: readonly string[]): string | undefined {
  if (OF_THE_OTHER_FILE.includes(typed)) return undefined;
  const usual = lowerAscii(typed).replaceAll("-", "_");
  const changes = Math.min(3, Math.max(1, Math.floor(typed.length / 4)));
  return nearestMatch(usual, known, changes) ?? decidingSlipOf(typed, known);
}

/** The same among the names that decide about power. */
export function decidingSlipOf(typed: string, known: readonly string[]): string | undefined {
  const usual = lowerAscii(typed).replaceAll("-", "_");
  const deciding = DECIDING.filter((name) => known.includes(name));
  const words = `_${usual.replaceAll(/[^a-z0-9]+/g, "_")}_`;
  const changes = Math.min(3, Math.max(1, Math.floor((typed.length + 1) / 3)));
  return (
    deciding.find((name) => words.includes(`_${name}_`)) ?? nearestMatch(usual, deciding, changes)
  );
}

/** `did you mean hosts?`, or which names there are. */
export function meantBy(typed: string, known: readonly string[]): string {
  const meant = slipOf(typed, known);
  return meant === undefined ? `expected one of ${known.join(", ")}` : `did you mean ${meant}?`;
}
