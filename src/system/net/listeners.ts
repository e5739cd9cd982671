/** Which TCP ports of this host are listened on, according to the kernel: nothing is called (proc_pid_net(5)). */
import { canonicalAddress } from "../../core/net/host-name.ts";
import { readTextIfPresent } from "../files/files.ts";

export interface Listener {
  /** Numeric; IPv6 with every group, without leading zeros. */
  readonly address: string;
  readonly port: number;
}

/** The value in the fourth column. */
const LISTENING = "0A";

/**
 * @param folder of the kernel's tables
 * @returns undefined if they do not exist, as in the view of some services
 */
export function listeners(folder = "/proc/net"): readonly Listener[] | undefined {
  try {
    const tables = ["tcp", "tcp6"].map((name) => readTextIfPresent(`${folder}/${name}`));
    if (tables[0] === undefined) return undefined;
    return tables.flatMap((table) => (table ?? "").split("\n").flatMap((line) => readLine(line)));
  } catch {
    return undefined;
  }
}

function readLine(line: string): Listener[] {
  const [, local = "", , state] = line.trim().split(/ +/);
  const [, hex = "", port = ""] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local) ?? [];
  if (state !== LISTENING || hex === "") return [];
  return [{ address: readAddress(hex), port: Number.parseInt(port, 16) }];
}

/** Four bytes each as a number in the byte order of this host: all our builds are little-endian. */
function readAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => [...Buffer.from(word, "hex")].reverse());
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => {
    return (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16);
  });
  return groups.join(":");
}

const ANY: readonly string[] = ["0.0.0.0", "::"];

/** Those that accept a connection to the address, or would be in the way of a server there. */
export function listenersAt(
  all: readonly Listener[],
  bind: string,
  port: number,
): readonly Listener[] {
  const [plain = ""] = bind.split("%");
  const own = canonicalAddress(plain);
  return all.filter((one) => {
    if (one.port !== port) return false;
    const address = canonicalAddress(one.address);
    return ANY.includes(own) || ANY.includes(address) || address === own;
  });
}
