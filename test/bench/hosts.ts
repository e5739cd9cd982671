/** The hosts of the bench: names, and addresses of 127.0.0.0/8, all of which Linux answers. */
import { join } from "node:path";

export function hostName(index: number): string {
  return `host-${String(index).padStart(5, "0")}`;
}

const HOSTS_PER_NET = 250;

export function hostAddress(index: number): string {
  return `127.10.${Math.floor(index / HOSTS_PER_NET)}.${(index % HOSTS_PER_NET) + 1}`;
}

export function hostNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => hostName(index));
}

export function hostAddresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => hostAddress(index));
}

/** The text of agent.conf. Everything but the certificate is shared. */
export function agentSettings(folder: string, index: number, port: number): string {
  const agents = join(folder, "agents");
  return [
    `port = ${port}`,
    `bind = ${hostAddress(index)}`,
    `cert = ${join(agents, `${hostName(index)}.crt`)}`,
    `key = ${join(agents, "agent.key")}`,
    `ca = ${join(agents, "ca.crt")}`,
    `dispatcher_serial_path = ${join(agents, "ctrl-exec-serial")}`,
    // All requests come from one address here.
    "rate_limit_disable = 1",
    "",
  ].join("\n");
}
