/**
 * What serves and maintains on this host, as far as it can be told without asking anybody outside: locks that the
 * programs hold, the kernel's list of listening ports, and the init system's links.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  type ControllerConfig,
  configArgument,
  DEFAULT_CONTROLLER_CONFIG,
} from "../../../core/config/controller-config.ts";
import { formatHostPort } from "../../../core/net/host-name.ts";
import { opensslTime } from "../../../core/time.ts";
import { type Listener, listeners, listenersAt } from "../../../system/net/listeners.ts";
import type { HostContext } from "../../store/host.ts";
import { paths } from "../../store/paths.ts";
import { type Finding, looked, passed } from "./finding.ts";

/** Where the init system and the kernel are asked. */
export interface Surroundings {
  /** `/` but in tests. */
  readonly root: string;
  readonly listening: readonly Listener[] | undefined;
}

export function surroundings(): Surroundings {
  return { root: "/", listening: listeners() };
}

const MAINTAINERS = [
  ["ctrl-exec-maintain.timer", "etc/systemd/system/timers.target.wants/ctrl-exec-maintain.timer"],
  ["cron", "etc/cron.hourly/ctrl-exec-maintain"],
  ["cron", "etc/periodic/hourly/ctrl-exec-maintain"],
] as const;

const ENABLED = [
  "etc/systemd/system/multi-user.target.wants/ctrl-exec-api.service",
  "etc/runlevels/default/ctrl-exec-api",
] as const;

export async function serviceFindings(
  host: HostContext,
  around: Surroundings,
): Promise<readonly Finding[]> {
  return await looked("services", async () => {
    const apiRuns = await host.store.rollouts.isTaker();
    // To ask makes the folder: only to look makes no state_dir.
    const hasLocks = existsSync(paths(host.config).locks);
    const keeper = hasLocks ? await host.store.pairing.deskKeeper() : undefined;
    const pairingRuns = keeper === "pairing-mode";
    return [
      apiFinding(host.config, around, apiRuns),
      pairingFinding(host.config, around, keeper !== undefined),
      maintenanceFinding(host, around, apiRuns, pairingRuns, await host.store.lastUpkeep()),
    ];
  });
}

function apiFinding(config: ControllerConfig, around: Surroundings, runs: boolean): Finding {
  const name = "ctrl-exec-api";
  const { api_bind: bind, api_port: port } = config;
  const taken = isTaken(around, bind, port);
  const at = formatHostPort(bind, port);
  if (runs) {
    // With 0 the system has chosen one, and without its list nothing can be told.
    if (port === 0 || taken === undefined) return passed(name, "runs");
    if (taken) return passed(name, `runs, and ${at} is listened on`);
    const detail = `runs, and nothing listens on ${at}: api_bind or api_port has changed since it was started`;
    return { name, ok: false, detail, remedy: "systemctl restart ctrl-exec-api" };
  }
  if (taken === true && port !== 0) {
    const detail = `does not run, and another program has its port ${port}`;
    return { name, ok: false, detail, remedy: `see which one: ss -tlnp "sport = :${port}"` };
  }
  if (!isUsual(config) || !isEnabled(around)) return passed(name, "does not run");
  const detail = "does not run, although it is to start at boot";
  return { name, ok: false, detail, remedy: "see why: systemctl status ctrl-exec-api" };
}

function pairingFinding(config: ControllerConfig, around: Surroundings, isOpen: boolean): Finding {
  const name = "pairing-mode";
  const { pairing_bind: bind, pairing_port: port } = config;
  const taken = port === 0 ? undefined : isTaken(around, bind, port);
  if (isOpen) {
    if (taken !== false) return passed(name, "runs");
    const detail = `runs, and nothing listens on port ${port}: pairing_port has changed since it was started`;
    return { name, ok: false, detail, remedy: "end it, and start it again" };
  }
  if (taken !== true) return passed(name, "does not run; its port is free");
  const detail = `cannot be started: another program has its port ${port}`;
  return { name, ok: false, detail, remedy: `see which one: ss -tlnp "sport = :${port}"` };
}

/** A timer comes every four hours. */
const PATIENCE_SECONDS = 2 * 86_400;

function maintenanceFinding(
  { config, now: clock }: HostContext,
  around: Surroundings,
  apiRuns: boolean,
  pairingRuns: boolean,
  last: Date | undefined,
): Finding {
  const now = clock();
  const name = "maintenance";
  const option = configArgument(config.file);
  const timers = isUsual(config)
    ? MAINTAINERS.filter(([, path]) => existsSync(join(around.root, path))).map(([who]) => who)
    : [];
  const by = [
    ...(apiRuns ? ["ctrl-exec-api"] : []),
    ...(pairingRuns ? ["pairing-mode"] : []),
    ...new Set(timers),
  ];
  const who = by.length === 0 ? "" : ` (${by.join(", ")})`;
  const patience = Math.max(PATIENCE_SECONDS, 2 * config.cert_check_interval);
  if (last !== undefined && last.getTime() > now.getTime() - patience * 1000) {
    return passed(name, `last done ${opensslTime(last)}${who}`);
  }
  if (by.length > 0 && last === undefined) return passed(name, `to be done by ${by.join(", ")}`);
  if (by.length > 0) {
    const detail = `last done ${opensslTime(last ?? now)}, although it is due to be done${who}`;
    return { name, ok: false, detail, remedy: `see why: ctrl-exec maintain${option}` };
  }
  const since = last === undefined ? "" : `, last ${opensslTime(last)}`;
  const detail = `nothing seems to do it${since}: no certificate is renewed`;
  const hasSystemd = existsSync(join(around.root, "run/systemd/system"));
  const remedy =
    isUsual(config) && hasSystemd
      ? "systemctl enable --now ctrl-exec-maintain.timer"
      : `call it every few hours, from cron: ctrl-exec maintain${option}`;
  return { name, ok: false, detail, remedy };
}

/** Undefined if the kernel does not tell. */
function isTaken({ listening }: Surroundings, bind: string, port: number): boolean | undefined {
  return listening && listenersAt(listening, bind, port).length > 0;
}

/** The units and cron jobs that the installer sets up take no other configuration. */
function isUsual({ file }: ControllerConfig): boolean {
  return file === DEFAULT_CONTROLLER_CONFIG;
}

function isEnabled({ root }: Surroundings): boolean {
  if (ENABLED.some((path) => existsSync(join(root, path)))) return true;
  try {
    const names = readdirSync(join(root, "etc/rc.d"));
    return names.some((name) => /^S\d+ctrl-exec-api$/.test(name));
  } catch {
    return false;
  }
}
