/** One request to one agent. */
import { notJson } from "../../core/wire/http-response.ts";
import { AgentCall } from "./agent-call.ts";
import { withName } from "./agent-problem.ts";
import type { AgentReply, AgentRequest } from "./agent-request.ts";
import type { Dialler } from "./dialler.ts";
import type { ResolvedTarget } from "./targets.ts";

/**
 * @param onPeer called with the address as soon as it is known, and again when one of a name's addresses has
 * taken the connection
 * @throws CtrlExecError whose message names the likely cause
 */
export async function askAgent(
  dialler: Dialler,
  target: ResolvedTarget,
  request: AgentRequest,
  onPeer: (address: string) => void = () => undefined,
): Promise<AgentReply> {
  const share = (dialler.account ?? dialler.budget.open()).openReply();
  const call = new AgentCall(dialler, target, request, share, onPeer);
  let kept = false;
  try {
    const { keepMs: _, ...reply } = await call.make();
    if (reply.json !== undefined || reply.streamed) {
      kept = dialler.account !== undefined;
      return { ...reply, shown: call.shown, hub: call.hub };
    }
    throw withName(notJson(), target.label);
  } finally {
    call.end();
    if (!kept) share.giveBack();
  }
}
