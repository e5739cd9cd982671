/** From when on the end of a certificate is told. Pure. */
import { addDays } from "../time.ts";

/** Days before its end. */
const THRESHOLDS = [14, 7, 3, 1, 0] as const;
/** A new CA means that every host is paired again, which takes time. */
const CA_THRESHOLDS = [90, 30, ...THRESHOLDS] as const;

/** The smallest threshold that it is below; undefined if it is below none. */
export function daysToTell(
  of: "agent" | "control-host" | "ca" | "api",
  expires: Date,
  now: Date,
  /** When it should have been renewed; undefined where nobody renews it. */
  due: Date | undefined,
): number | undefined {
  const all = of === "ca" ? CA_THRESHOLDS : THRESHOLDS;
  return all.findLast((days) => {
    const since = addDays(expires, -days);
    // A certificate of a few days is renewed later than that: it is not late yet.
    return now >= since && (due === undefined || due < since);
  });
}
