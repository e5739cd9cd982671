/** Where a hub is, as configurations have it: `host`, `host:port`, perhaps with `#sha256:...`. */
import { formatHostPort, parseTarget } from "./host-name.ts";

export const DEFAULT_HUB_PORT = 7446;

export interface HubAddress {
  readonly host: string;
  readonly port: number;
  /**
   * `sha256:` and 64 hex digits over the hub's certificate, in DER. Undefined if it shows the certificate of the control
   * host that is known already.
   */
  readonly pin: string | undefined;
  /** `host:port`, for logs and screens. */
  readonly label: string;
}

/** Undefined if the text is none. */
export function parseHubAddress(text: string): HubAddress | undefined {
  const [where = "", ...pins] = text.split("#");
  const target = parseTarget(where.trim());
  if (target === undefined || pins.length > 1) return undefined;
  const [pin] = pins.map((one) => one.trim().toLowerCase());
  if (pin !== undefined && !/^sha256:[0-9a-f]{64}$/.test(pin)) return undefined;
  const { name: host, port = DEFAULT_HUB_PORT } = target;
  return { host, port, pin, label: formatHostPort(host, port) };
}
