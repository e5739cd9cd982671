/** A free TCP port, for a program that needs one before it starts. */
import { systemCode } from "../../core/errors.ts";

/** Below the range for outgoing connections, any of which could take the port. */
const FIRST = 10_000;
const LAST = 32_767;

/** @returns a port that was free a moment ago at the address */
export function freePort(hostname = "127.0.0.1"): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    try {
      Bun.listen({ hostname, port, socket: { data: () => undefined } }).stop(true);
      return port;
    } catch (thrown) {
      if (systemCode(thrown) !== "EADDRINUSE") throw thrown;
    }
  }
}
