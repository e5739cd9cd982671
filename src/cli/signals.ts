/** The signals that end a program. */

const signalled = Promise.withResolvers<void>();

/** Resolves at SIGINT or SIGTERM. The next one ends the process at once. */
export async function untilStopped(): Promise<void> {
  await firstSignal(["SIGINT", "SIGTERM"]);
}

/**
 * Resolves with the first of the signals that comes, or with undefined when the work has ended before.
 * None of them ends the process meanwhile; afterwards each does again.
 *
 * @param work undefined goes on until a signal comes; its failure is not this function's
 */
export async function firstSignal<Name extends NodeJS.Signals>(
  names: readonly Name[],
  work?: Promise<unknown>,
): Promise<Name | undefined> {
  const { promise, resolve } = Promise.withResolvers<Name | undefined>();
  const listeners = names.map((name) => {
    const listener = () => {
      signalled.resolve();
      resolve(name);
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  work?.then(
    () => resolve(undefined),
    () => resolve(undefined),
  );
  const first = await promise;
  for (const [name, listener] of listeners) process.off(name, listener);
  return first;
}

/** Resolves so long after one of these signals: who asks for the end must not wait for a reader (T66). */
export async function afterSignal(ms: number): Promise<void> {
  await signalled.promise;
  await Bun.sleep(ms);
}
