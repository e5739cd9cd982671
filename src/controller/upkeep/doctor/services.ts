/** What serves and maintains on this host, by the locks that the programs hold and the traces that they leave. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { configArgument } from "../../../core/config/controller-config.ts";
import { opensslTime } from "../../../core/time.ts";
import type { HostContext } from "../../store/host.ts";
import { type Finding, looked, passed } from "./finding.ts";
import { portFindings, type WhoRuns } from "./ports.ts";
import { isUsual, maintainers, type Surroundings } from "./surroundings.ts";

export async function serviceFindings(
  host: HostContext,
  around: Surroundings,
): Promise<readonly Finding[]> {
  return await looked("services", async () => {
    const { config, store } = host;
    const runs: WhoRuns = {
      api: await store.rollouts.isTaker(),
      keeper: await store.pairing.deskKeeper(),
    };
    return [
      ...portFindings(config, around, runs),
      maintenanceFinding(host, around, runs, await store.lastUpkeep()),
    ];
  });
}

/** A timer comes every four hours. */
const PATIENCE_SECONDS = 2 * 86_400;

function maintenanceFinding(
  { config, now }: HostContext,
  around: Surroundings,
  { api, keeper }: WhoRuns,
  last: Date | undefined,
): Finding {
  const name = "maintenance";
  const option = configArgument(config.file);
  const by = [
    ...(api ? ["ctrl-exec-api"] : []),
    ...(keeper === "pairing-mode" ? [keeper] : []),
    ...(isUsual(config) ? maintainers(around) : []),
  ];
  const who = by.length === 0 ? "" : ` (${by.join(", ")})`;
  const patience = Math.max(PATIENCE_SECONDS, 2 * config.cert_check_interval);
  if (last !== undefined && last.getTime() > now().getTime() - patience * 1000) {
    return passed(name, `last done ${opensslTime(last)}${who}`);
  }
  if (by.length > 0) {
    if (last === undefined) return passed(name, `to be done by ${by.join(", ")}`);
    const detail = `last done ${opensslTime(last)}, although it is due${who}`;
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
