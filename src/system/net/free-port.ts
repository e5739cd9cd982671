/** A free TCP port for a program that must be told one before it starts. */
import { systemCode } from "../../core/errors.ts";

/** Below those that a system gives to whoever dials out: somebody's connection could take one of them. */
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
