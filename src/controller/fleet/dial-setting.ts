/** What a fan-out needs for dialling: this host's certificates, and what its requests share. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { ReplyBudget } from "../../core/reply-budget.ts";
import { Semaphore } from "../../core/semaphore.ts";
import { ReadPace } from "../../system/net/read-pace.ts";
import {
  type ControllerCredential,
  type ControllerCredentials,
  clientCredential,
} from "../trust/credential.ts";
import { type Dialler, MAX_HANDSHAKES } from "./dialler.ts";
import { Hubs } from "./hubs.ts";

/** One of the controller's own certificates that agents may trust. */
export type DialCredential = Pick<Dialler, "credential" | "serial">;

/** Everything that dialling needs, except the controller and its revocations, which change at any time. */
export interface DialSetting
  extends Omit<Dialler, "credential" | "serial" | "account" | "sending" | "revoked"> {
  /** First the one in force, then those of rotations under way, newest first. */
  readonly credentials: readonly [DialCredential, ...DialCredential[]];
}

export function dialSetting(
  config: ControllerConfig,
  { current, others }: ControllerCredentials,
): DialSetting {
  const credentials: DialSetting["credentials"] = [
    dialCredential(current),
    ...others.map(dialCredential),
  ];
  return {
    config,
    credentials,
    hubs: Hubs.of(config, credentials),
    handshakes: new Semaphore(MAX_HANDSHAKES),
    pace: new ReadPace(),
    budget: new ReplyBudget(config.max_replies),
  };
}

function dialCredential(credential: ControllerCredential): DialCredential {
  return { serial: credential.certificate.serial, credential: clientCredential(credential) };
}
