/** What must be done before this process ends in order. */

const duties: (() => Promise<void>)[] = [];

/** @param duty never rejects, and takes little time */
export function beforeEnd(duty: () => Promise<void>): void {
  duties.push(duty);
}

/** Does all of it, concurrently. */
export async function end(): Promise<void> {
  await Promise.all(duties.splice(0).map((duty) => duty()));
}
