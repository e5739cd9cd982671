/**
 * Carries bytes between two connections, both ways, as they come: what they are is the business of the two ends. Of each
 * direction it holds what one read has brought, and reads on when the other end has taken that.
 */
import { Deadline } from "../system/deadline.ts";
import type { Connection } from "../system/net/connection.ts";

/** One end of it, and what has been read from it already. */
export interface SpliceEnd {
  readonly connection: Connection;
  readonly early: Buffer;
}

/** How long the other end may take what is left once one has closed. */
const LEFT_MS = 10_000;

/** @param onEnd called once, when both ends are closed */
export function splice(a: SpliceEnd, b: SpliceEnd, onEnd: () => void): void {
  let open = 2;
  const closed = () => {
    open -= 1;
    if (open === 0) onEnd();
  };
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.connection.onClose(closed);
    if (from.early.length > 0) void to.connection.write(from.early);
    pump(from.connection, to.connection);
  }
}

function pump(from: Connection, to: Connection): void {
  from.read({
    data(chunk) {
      const taken = to.write(chunk);
      if (!to.isBehind) return;
      from.pause();
      void taken.then(() => {
        if (!from.closed) from.resume();
      });
    },
    end: () => void to.end(),
    closed(fault) {
      // A cut is passed on as a cut: the other end must not take it for an orderly end.
      if (fault !== undefined) to.reset();
      else void letGo(to);
    },
  });
  if (!from.closed) from.resume();
}

async function letGo(connection: Connection): Promise<void> {
  const late = new Deadline(LEFT_MS, () => connection.close());
  connection.onClose(() => late.stop());
  await connection.end();
}
