/** Stores what a control host has given this agent, and says what comes next. */

import { storeWithPatience } from "../../agent/pairing/storing.ts";
import type { Enrolled } from "../../agent/trust/identity-files.ts";
import { storeIdentity } from "../../agent/trust/identity-files.ts";
import { type AgentConfig, agentConfigArgument } from "../../core/config/agent-config.ts";
import type { Io } from "../command/io.ts";
import type { AgentSetting } from "./setting.ts";

/** How long to keep trying to store an approval. */
const STORE_SECONDS = 600;
const STORE_AGAIN_MS = 2_000;

/** @param reqid id of the request; empty for a join */
export async function storeEnrolled(
  io: Io,
  { config, log }: Pick<AgentSetting, "config" | "log">,
  keyPem: string,
  enrolled: Enrolled,
  reqid: string,
): Promise<void> {
  await storeWithPatience(() => storeIdentity(config, keyPem, enrolled), {
    forMs: STORE_SECONDS * 1000,
    everyMs: STORE_AGAIN_MS,
    onFailure: ({ message }) => {
      log({ event: "pair-store-fail", error: message, reqid });
      io.err(
        `${message}\nTrying again for ${STORE_SECONDS} s; what was approved is lost if this ends.\n`,
      );
    },
  });
}

/** The service uses the usual file. */
export function startStep({ file }: AgentConfig): string {
  const option = agentConfigArgument(file);
  return option === ""
    ? "; with systemd: systemctl enable --now ctrl-exec-agent"
    : `: ctrl-exec-agent serve${option}`;
}
