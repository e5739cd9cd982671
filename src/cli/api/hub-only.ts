/** ctrl-exec-api --hub-only: a hub and nothing else, on a machine that has no control host. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { hubShares } from "../../core/descriptor-shares.ts";
import type { HubLog } from "../../core/events.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { startHub } from "../../hub/hub.ts";
import { ownHubIdentity } from "../../hub/own-certificate.ts";
import { descriptorLimit } from "../../system/process/descriptors.ts";
import { notifyReady } from "../../system/process/service-manager.ts";
import type { Io } from "../command/io.ts";
import { untilStopped } from "../command/stop-signals.ts";
import { sayUp } from "../render/up.ts";

/** Whom the CA has signed is let in, revoked or not: that is for the two ends to judge, which know. */
const REVOKES_NOBODY = () => false;

/** @throws CtrlExecError `config` if it cannot start */
export async function serveHubOnly(
  { config, log }: { readonly config: ControllerConfig; readonly log: HubLog },
  io: Io,
): Promise<number> {
  // It has nothing that could be read again.
  process.on("SIGHUP", () => undefined);
  const stopped = untilStopped();
  const { credential, certificate } = await ownHubIdentity(config, new Date());
  const hub = startHub({
    bind: config.hub_bind,
    port: config.hub_port,
    limits: hubShares(descriptorLimit()),
    fingerprint: certificate.fingerprint,
    credential: () => credential,
    isRevoked: REVOKES_NOBODY,
    log,
    now: () => new Date(),
  });
  notifyReady(io.env.NOTIFY_SOCKET);
  const at = formatHostPort(config.hub_bind, hub.port);
  sayUp(
    io,
    `The hub is up at ${at}; agents and control hosts name it with #${certificate.fingerprint}`,
  );
  await stopped;
  hub.close();
  return 0;
}
