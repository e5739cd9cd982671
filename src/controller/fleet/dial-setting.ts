/** What a fan-out dials with: this host's certificates, and what its requests share. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { Semaphore } from "../../core/semaphore.ts";
import { ReadPace } from "../../system/net/read-pace.ts";
import { readRevoked } from "../store/revocations.ts";
import {
  type ControllerCredential,
  type ControllerCredentials,
  clientCredential,
} from "../trust/credential.ts";
import { type Dialler, MAX_HANDSHAKES } from "./dialler.ts";
import { ReplyBudget } from "./reply-budget.ts";

/** A certificate of the controller's own that agents may trust. */
export type DialCredential = Pick<Dialler, "credential" | "serial">;

/** All that dialling needs but the controller whose request it is. */
export interface DialSetting
  extends Omit<Dialler, "credential" | "serial" | "account" | "sending"> {
  /** The one in force first, then those of rotations under way, the newest first. */
  readonly credentials: readonly [DialCredential, ...DialCredential[]];
}

/** @throws CtrlExecError `config` when this host's revocation list cannot be used */
export function dialSetting(
  config: ControllerConfig,
  { current, others }: ControllerCredentials,
): DialSetting {
  return {
    config,
    credentials: [dialCredential(current), ...others.map(dialCredential)],
    revoked: readRevoked(config),
    handshakes: new Semaphore(MAX_HANDSHAKES),
    pace: new ReadPace(),
    budget: new ReplyBudget(config.max_replies),
  };
}

function dialCredential(credential: ControllerCredential): DialCredential {
  return { serial: credential.certificate.serial, credential: clientCredential(credential) };
}
