/** Resolves at SIGINT or SIGTERM. */
export async function untilStopped(): Promise<void> {
  await firstSignal(["SIGINT", "SIGTERM"]);
}

/** Resolves with the first of the signals that comes; from the call on none of them ends the process. */
export function firstSignal<Name extends NodeJS.Signals>(names: readonly Name[]): Promise<Name> {
  const { promise, resolve } = Promise.withResolvers<Name>();
  for (const name of names) process.once(name, () => resolve(name));
  return promise;
}
