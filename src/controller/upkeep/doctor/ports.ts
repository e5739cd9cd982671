/** The ports of this host: is each program that runs where its configuration says, and would the others find theirs free? */
import type { ControllerConfig } from "../../../core/config/controller-config.ts";
import { formatHostPort } from "../../../core/net/host-name.ts";
import { listenersAt } from "../../../system/net/listeners.ts";
import type { DeskKeeper } from "../../store/ports/pairing.ts";
import { type Finding, passed } from "./finding.ts";
import { isUsual, type Surroundings, startsApi } from "./surroundings.ts";

export interface WhoRuns {
  readonly api: boolean;
  /** Who holds the pairing port. */
  readonly keeper: DeskKeeper | undefined;
}

export function portFindings(
  config: ControllerConfig,
  around: Surroundings,
  { api, keeper }: WhoRuns,
): Finding[] {
  const { metrics_bind, hub, hub_bind } = config;
  return [
    apiFinding(config, around, api),
    ...(metrics_bind === undefined ? [] : [sidePort("metrics", metrics_bind, config, around, api)]),
    ...(hub ? [sidePort("hub", hub_bind, config, around, api)] : []),
    pairingFinding(config, around, api, keeper),
  ];
}

const RESTART = "systemctl restart ctrl-exec-api";

function apiFinding(config: ControllerConfig, around: Surroundings, runs: boolean): Finding {
  const name = "ctrl-exec-api";
  const { api_bind: bind, api_port: port } = config;
  const taken = isTaken(around, bind, port);
  if (runs) {
    const at = formatHostPort(bind, port);
    if (taken === undefined) return passed(name, "runs");
    if (taken) return passed(name, `runs, and listens on ${at}`);
    const detail = `runs, but nothing listens on ${at}: api_bind or api_port has changed since it was started`;
    return { name, ok: false, detail, remedy: RESTART };
  }
  if (taken === true) return foreign(name, "is not running, and", port);
  if (!isUsual(config) || !startsApi(around)) return passed(name, "is not running");
  const detail = "is not running, although it should start at boot";
  return { name, ok: false, detail, remedy: "see why: systemctl status ctrl-exec-api" };
}

/** A port that the API holds beside its own. */
function sidePort(
  name: "metrics" | "hub",
  bind: string,
  config: ControllerConfig,
  around: Surroundings,
  apiRuns: boolean,
): Finding {
  const port = config[`${name}_port`];
  const at = formatHostPort(bind, port);
  const taken = isTaken(around, bind, port);
  if (!apiRuns) {
    return taken === true
      ? foreign(name, "the API is not running, and", port)
      : passed(name, "part of the API, which is not running");
  }
  if (taken !== false) return passed(name, `served on ${at}`);
  const detail = `nothing listens on ${at}: ${name}_bind or ${name}_port has changed since ctrl-exec-api was started`;
  return { name, ok: false, detail, remedy: RESTART };
}

function pairingFinding(
  config: ControllerConfig,
  around: Surroundings,
  apiRuns: boolean,
  keeper: DeskKeeper | undefined,
): Finding {
  const name = "pairing";
  const { pairing_bind: bind, pairing_port: port } = config;
  const taken = isTaken(around, bind, port);
  if (keeper !== undefined) {
    if (taken !== false) return passed(name, `${keeper} holds the port`);
    const detail = `${keeper} runs, but nothing listens on port ${port}: pairing_bind or pairing_port has changed since it was started`;
    const remedy = keeper === "ctrl-exec-api" ? RESTART : "end it, and start it again";
    return { name, ok: false, detail, remedy };
  }
  if (taken === true) return foreign(name, "hosts cannot be paired:", port);
  if (!config.join || !apiRuns) return passed(name, "nobody holds the port, and it is free");
  const detail = "join = on, and the API does not hold the port: no host can join";
  return { name, ok: false, detail, remedy: RESTART };
}

function foreign(name: string, what: string, port: number): Finding {
  const detail = `${what} another program has its port ${port}`;
  return { name, ok: false, detail, remedy: `see which one: ss -tlnp "sport = :${port}"` };
}

/** Undefined if the system chooses the port, or the kernel does not tell. */
function isTaken({ listening }: Surroundings, bind: string, port: number): boolean | undefined {
  if (port === 0 || listening === undefined) return undefined;
  return listenersAt(listening, bind, port).length > 0;
}
