/** What arrives over a network arrives in pieces of any size. */

/** In one piece, in pieces of 1 to 1400 bytes, and for what is short byte by byte. */
export function* waysOfCutting(input: Buffer): Generator<Buffer[]> {
  const sizes = [input.length, 1400, 17, ...(input.length <= 4096 ? [1] : [])];
  for (const size of sizes) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < input.length; at += Math.max(1, size))
      pieces.push(input.subarray(at, at + size));
    yield pieces;
  }
}

/** However it is cut, the result is the same. */
export function readInPieces(input: Buffer, read: (pieces: readonly Buffer[]) => unknown): void {
  const [first, ...others] = [...waysOfCutting(input)].map((pieces) =>
    Bun.inspect(
      outcome(() => read(pieces)),
      { depth: 3 },
    ).slice(0, 2000),
  );
  if (others.some((other) => other !== first)) throw new Error("it depends on how it is cut");
}

function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === "CtrlExecError") return thrown.message;
    throw thrown;
  }
}
