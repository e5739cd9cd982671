/** One dialler for many requests: the credential is read once, connections to agents are reused. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { ReplyBudget } from "../../core/reply-budget.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { workDescriptors } from "../../system/process/descriptors.ts";
import { paths } from "../store/paths.ts";
import { loadCredentials } from "../trust/credential.ts";
import { type DialSetting, dialSetting } from "./dial-setting.ts";
import { AgentPool } from "./pool.ts";

interface Kept {
  readonly setting: DialSetting;
  readonly pool: AgentPool;
  readonly files: string;
  /** The version of the credential in force. */
  readonly notAfter: Date;
}

export class KeptDialler {
  #kept: Kept | undefined;
  /** One for all requests, independent of the connections. */
  readonly #budget = new ReplyBudget(0);

  /**
   * The setting for this configuration and the credential files as they are now. If either has changed, every
   * connection is dropped.
   *
   * @throws CtrlExecError `config` if this host's own credential cannot be used
   */
  current(config: ControllerConfig, now: Date): DialSetting {
    const budget = this.budget(config);
    const files = fileVersions(config);
    const kept = this.#kept;
    if (kept?.setting.config === config && kept.files === files && now < kept.notAfter) {
      return kept.setting;
    }
    this.close();
    const credentials = loadCredentials(config, now);
    const pool = new AgentPool(config.keepalive * 1000, workDescriptors());
    const setting = { ...dialSetting(config, credentials), pool, budget };
    this.#kept = { setting, pool, files, notAfter: credentials.current.certificate.notAfter };
    return setting;
  }

  budget(config: ControllerConfig): ReplyBudget {
    this.#budget.max = config.max_replies;
    return this.#budget;
  }

  /** Closes every connection that is not in use; those in use close after their answer. */
  close(): void {
    this.#kept?.pool.close();
    this.#kept?.setting.hubs?.close();
    this.#kept = undefined;
  }
}

/** Changes whenever one of the files is replaced or written, or the credentials beside them change. */
function fileVersions(config: ControllerConfig): string {
  const { rotation, credentials } = paths(config);
  return [config.cert, config.key, config.ca, rotation, credentials].map(fileVersion).join(" ");
}
