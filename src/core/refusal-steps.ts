/** What to do about an agent's two-word refusals (docs/PROTOCOL.md, section 2). */

/** For an agent that trusts none of this control host's serials. */
export const PAIR_AGAIN =
  "pair it again, on that host: ctrl-exec-agent request-pairing --dispatcher <this host>";

const OTHER_SERIAL = `it knows this control host by another certificate; ${PAIR_AGAIN}`;

const STEPS: ReadonlyMap<string, string> = new Map([
  ["serial mismatch", OTHER_SERIAL],
  ["forbidden", OTHER_SERIAL],
  [
    "certificate revoked",
    `its revoked-serials file lists this control host's serial: remove that line there, or if the key is no longer safe, replace it here with ctrl-exec setup-ctrl-exec and ${PAIR_AGAIN}`,
  ],
]);

/** For a screen; data keeps the agent's own words. @param error as in a result */
export function withNextStep(error: string): string {
  const step = STEPS.get(error);
  return step === undefined ? error : `${error}: ${step}`;
}
