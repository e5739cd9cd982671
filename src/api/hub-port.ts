/** `hub = on`: the hub of this control host, which shows this host's own certificate. */
import type { Controller } from "../controller/control-host.ts";
import { dialSetting } from "../controller/fleet/dial-setting.ts";
import { loadCredentials } from "../controller/trust/credential.ts";
import { hubShares } from "../core/descriptor-shares.ts";
import { type Hub, startHub } from "../hub/hub.ts";
import { descriptorLimit } from "../system/process/descriptors.ts";

/**
 * @param current the control host as it is at that moment: its certificates change with a rotation
 * @throws CtrlExecError `config` if it cannot start
 */
export async function startHubPort(current: () => Controller): Promise<Hub> {
  const { config, log, now, store } = current();
  const revoked = await store.certificates.revokedByNow();
  const setting = () => {
    const { config: latest, dialler } = current();
    return dialler?.current(latest, now()) ?? dialSetting(latest, loadCredentials(latest, now()));
  };
  const { fingerprint } = loadCredentials(config, now()).current.certificate;
  return startHub({
    bind: config.hub_bind,
    port: config.hub_port,
    limits: hubShares(descriptorLimit()),
    fingerprint,
    credential(serial) {
      const { credentials } = setting();
      return (credentials.find((one) => one.serial === serial) ?? credentials[0]).credential;
    },
    isRevoked: (serial) => revoked.has(serial),
    log,
    now,
  });
}
