/** A separate network whose routes fail in every way that the kernel knows. */
import { runCommand } from "./binary.ts";

/** This host's d0. Its other end takes everything that is sent, but nobody is there. */
const setUp = `
  ip link set lo up
  ip link add d0 type veth peer name d1
  ip link set d0 addrgenmode none
  ip link set d0 up
  ip link set d1 up
  ip address add 10.9.0.1/24 dev d0
  ip address add fd09::1/64 dev d0 nodad
  ip address add fe80::1/64 dev d0 nodad
  echo 50 | tee /proc/sys/net/ipv4/neigh/d0/retrans_time_ms >/proc/sys/net/ipv6/neigh/d0/retrans_time_ms
  echo 1 | tee /proc/sys/net/ipv4/neigh/d0/mcast_solicit >/proc/sys/net/ipv6/neigh/d0/mcast_solicit
  ip neighbour add 10.9.0.8 lladdr 02:00:00:00:00:08 dev d0
  ip route add unreachable 10.10.1.0/24
  ip route add blackhole 10.10.2.0/24
  ip route add prohibit 10.10.3.0/24
  ip route add unreachable fd10:1::/64
  ip route add blackhole fd10:2::/64
  ip route add prohibit fd10:3::/64
`;

export const NETWORK: readonly string[] = setUp
  .split("\n")
  .map((line) => line.trim())
  .filter((line) => line !== "");

/** What connect(2) reports for an address in it. */
export const ANSWERS: readonly (readonly [string, string])[] = [
  // Nobody has the address: the kernel says so when nobody has answered its question who does.
  ["10.9.0.7", "EHOSTUNREACH"],
  ["fd09::7", "EHOSTUNREACH"],
  ["10.10.1.1", "EHOSTUNREACH"],
  ["fd10:1::1", "EHOSTUNREACH"],
  ["10.10.2.1", "EINVAL"],
  ["fd10:2::1", "EINVAL"],
  ["10.10.3.1", "EACCES"],
  ["fd10:3::1", "EACCES"],
  ["203.0.113.1", "ENETUNREACH"],
  ["2001:db8::1", "ENETUNREACH"],
  ["127.0.0.1", "ECONNREFUSED"],
  ["::1", "ECONNREFUSED"],
  ["fe80::1%d0", "ECONNREFUSED"],
  ["fe80::1%no-such-if", "ENODEV"],
  ["fe80::1", "ENOZONE"],
];

/** Used if no network may be made: what any host's loopback interface answers. */
export const LOOPBACK_ANSWERS = ANSWERS.filter(([, code]) =>
  ["ECONNREFUSED", "ENODEV", "ENOZONE"].includes(code),
).filter(([address]) => !address.endsWith("%d0") && address !== "::1");

let allowed: Promise<boolean> | undefined;

/** Whether this user may make a network: some hosts and containers do not allow user namespaces. */
export function mayHaveNetwork(): Promise<boolean> {
  allowed ??= runCommand(["true"], { network: NETWORK }).then(({ status }) => status === 0);
  return allowed;
}
