/** How a rollout with hosts that are left is resumed, as a command. */
import { configArgument, type OwnSetting } from "./config/controller-config.ts";
import { shellWord } from "./shell-word.ts";

interface Rollout {
  readonly reqid: string;
  readonly script: string;
  readonly waits_for_token?: true;
}

/** No record has the arguments, or the token. */
export function resuming(rollout: Rollout, own: OwnSetting): string {
  const token = rollout.waits_for_token ? "its token and " : "";
  return `${resumeCommand(rollout, own)}, with ${token}the arguments it had after --`;
}

export function resumeCommand({ reqid, script }: Rollout, own: OwnSetting): string {
  return `ctrl-exec run --resume ${reqid} ${shellWord(script)}${configArgument(own.file)}`;
}
