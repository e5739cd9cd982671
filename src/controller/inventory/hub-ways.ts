/** Which hosts are connected to a hub, and since when. */
import { asCtrlExecError, type CtrlExecError } from "../../core/errors.ts";
import { inParallel } from "../../core/in-parallel.ts";
import { dialSetting } from "../fleet/dial-setting.ts";
import type { AgentAtHub } from "../fleet/hub-client.ts";
import type { HostContext } from "../store/host.ts";
import { loadCredentials } from "../trust/credential.ts";

export interface HubWays {
  /** Whether this control host calls hosts through hubs at all. */
  readonly inUse: boolean;
  /** By the name that was asked for. */
  readonly ways: ReadonlyMap<string, AgentAtHub>;
  /** Hubs that could not be asked. */
  readonly problems: readonly CtrlExecError[];
}

const NONE: HubWays = { inUse: false, ways: new Map(), problems: [] };

/** Questions that are under way at once. */
const AT_ONCE = 256;

/** A hub that is down is a problem to tell, and does not keep the rest from being shown. */
export async function hubWays(
  { config, now }: HostContext,
  hostnames: readonly string[],
): Promise<HubWays> {
  if (!config.hub && config.hubs === undefined) return NONE;
  const ways = new Map<string, AgentAtHub>();
  try {
    const { hubs } = dialSetting(config, loadCredentials(config, now()));
    if (hubs === undefined) return NONE;
    await inParallel(hostnames, AT_ONCE, async (hostname) => {
      const way = await hubs.wayTo(hostname);
      if (way !== undefined) ways.set(hostname, way);
    });
    hubs.close();
    return { inUse: true, ways, problems: hubs.problems };
  } catch (thrown) {
    return { inUse: true, ways, problems: [asCtrlExecError(thrown)] };
  }
}
