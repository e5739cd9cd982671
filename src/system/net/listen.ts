import type { Server } from "node:net";
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import { lacksZone } from "../../core/net/ip-address.ts";

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has that port",
  EACCES: "permission denied (ports below 1024 need root)",
  EADDRNOTAVAIL: "this host has no such address",
};

/** Failures that may pass in a moment: an address that comes up late at boot, a port that is being released. */
const PASSING = ["EADDRINUSE", "EADDRNOTAVAIL"];

/**
 * Listens and returns the port, which the system chooses when 0 is asked for.
 * `::` takes IPv4 as well, and falls back to IPv4 alone on a host without IPv6.
 *
 * @throws CtrlExecError when it cannot be bound: `busy` when it may be worth another try, else `config`
 */
export async function listen(server: Server, bind: string, port: number): Promise<number> {
  try {
    return await listenOn(server, bind, port);
  } catch (thrown) {
    if (mayRetryWithIpv4(thrown, bind)) return await listen(server, "0.0.0.0", port);
    throw cannotListen(thrown, bind, port);
  }
}

/** Whether the host has no IPv6, and IPv4 will do. */
export function mayRetryWithIpv4(thrown: unknown, bind: string): boolean {
  return bind === "::" && systemCode(thrown) === "EAFNOSUPPORT";
}

export function cannotListen(cause: unknown, bind: string, port: number): CtrlExecError {
  if (lacksZone(bind)) {
    return new CtrlExecError(
      "config",
      `Cannot listen on ${bind} port ${port}: it names no interface`,
      {
        cause,
        hint: `A link-local address is on every interface. Name one: ${bind}%eth0, or as ip link shows it.`,
      },
    );
  }
  const code = systemCode(cause);
  return new CtrlExecError(
    PASSING.includes(code) ? "busy" : "config",
    `Cannot listen on ${bind} port ${port}: ${PROBLEMS[code] ?? code}`,
    { cause, ...hintOn(code, port) },
  );
}

function hintOn(code: string, port: number): { readonly hint?: string } {
  if (code === "EADDRINUSE") return { hint: `See which one: ss -tlnp "sport = :${port}"` };
  if (code === "EADDRNOTAVAIL") return { hint: "See which it has: ip address" };
  return {};
}

async function listenOn(server: Server, bind: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: bind, port, backlog: 511 }, resolve);
  await promise;
  // A failed accept (descriptors used up) must not end the process (T20).
  server.on("error", () => undefined);
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
