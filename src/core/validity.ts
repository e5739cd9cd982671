/** Whether a certificate is valid by this host's clock. */
import { opensslTime } from "./time.ts";

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * For a certificate that another host has just made (T68): what is wrong, as the rest of a sentence that begins with
 * the certificate; undefined if it is valid. It says which clock to check.
 */
export function validityProblem({ notBefore, notAfter }: Validity, now: Date): string | undefined {
  const here = `this host's clock says ${opensslTime(now)}`;
  if (notAfter <= now) {
    return (
      `has expired: it ended ${opensslTime(notAfter)}, and ${here}. ` +
      "The control host's clock is behind, or this host's is ahead; check the clocks of both hosts"
    );
  }
  if (notBefore > now) {
    return (
      `is not valid yet: it begins ${opensslTime(notBefore)}, and ${here}. ` +
      "The control host's clock is ahead, or this host's is behind; check the clocks of both hosts"
    );
  }
  return undefined;
}

/** For a certificate that is in use: why it is not valid now, in a few words; undefined if it is. */
export function lifeProblem({ notBefore, notAfter }: Validity, now: Date): string | undefined {
  if (now > notAfter) return `expired ${opensslTime(notAfter)}`;
  if (now < notBefore) return `not valid before ${opensslTime(notBefore)}`;
  return undefined;
}
