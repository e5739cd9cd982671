/** A parser that reads what others wrote. */

export interface Target {
  readonly name: string;
  /** Sound inputs. */
  readonly seeds: readonly (string | Buffer)[];
  /** What the format is made of. */
  readonly pieces: readonly string[];
  /** Milliseconds of processor time that 64 KiB may take; 50 when it is not said. */
  readonly maxMs?: number;
  /**
   * Reads the input. It may return anything and throw CtrlExecError; anything else is a fault. What only holds
   * of a good parser is asserted here, by throwing an Error.
   */
  read(input: Buffer): unknown;
}

/** A target that reads text. */
export function textTarget(
  name: string,
  seeds: readonly string[],
  pieces: readonly string[],
  read: (text: string) => unknown,
): Target {
  return { name, seeds, pieces, read: (input) => read(input.toString("utf8")) };
}

export function seedsOf({ seeds }: Target): Buffer[] {
  return seeds.map((seed) => (typeof seed === "string" ? Buffer.from(seed, "utf8") : seed));
}
