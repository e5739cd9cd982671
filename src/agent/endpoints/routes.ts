/** Who may call which endpoint: only the stored controller, and only what this table lists (T04). */
import { cancel } from "./cancel.ts";
import { capabilities } from "./capabilities.ts";
import {
  type AgentContext,
  type AgentReply,
  type AgentRequest,
  type Caller,
  type Endpoint,
  refusal,
} from "./endpoint.ts";
import { follow } from "./follow.ts";
import { ping } from "./ping.ts";
import { refuseSerial } from "./refuse-serial.ts";
import { renew } from "./renew.ts";
import { renewComplete } from "./renew-complete.ts";
import { result } from "./result.ts";
import { run } from "./run.ts";
import { runs } from "./runs.ts";
import { untilShutOut } from "./shut-out.ts";
import { upgrade, upgradeApplied, upgradePieceCame, upgradeStatus } from "./upgrade.ts";
import { withdraw } from "./withdraw.ts";

const ROUTES: ReadonlyMap<string, Endpoint> = new Map([
  ["POST /run", run],
  ["POST /follow", follow],
  ["POST /cancel", cancel],
  ["POST /withdraw", withdraw],
  ["GET /runs", runs],
  ["POST /ping", ping],
  ["GET /capabilities", capabilities],
  ["POST /renew", renew],
  ["POST /renew-complete", renewComplete],
  ["GET /upgrade", upgradeStatus],
  ["POST /upgrade", upgrade],
  ["POST /upgrade-piece", upgradePieceCame],
  ["POST /upgrade-apply", upgradeApplied],
]);

/** @param route method and request target, exactly as received */
export async function answerRoute(
  context: AgentContext,
  caller: Caller,
  route: string,
  request: AgentRequest,
): Promise<AgentReply> {
  const refused = refusalOf(context, caller, route, request);
  if (refused !== undefined) return refused;
  const [, reqid] = /^GET \/result\/([0-9a-f]{16})$/.exec(route) ?? [];
  if (reqid !== undefined) return await result(context, reqid);
  const endpoint = ROUTES.get(route);
  if (endpoint === undefined) return refusal(404, "not found");
  const reply = await endpoint(context, request);
  if (!("events" in reply)) return reply;
  const { controller, revoked } = context.state.trust;
  const isShutOut = () => {
    revoked.look();
    controller.look();
    const { serial } = caller.certificate;
    // A rotation ends no stream: the run's own process goes on with the certificate that it has read.
    if (controller.hasRetired(serial) && !revoked.has(serial)) return false;
    return refusalOf(context, caller, route, request) !== undefined;
  };
  return { ...reply, events: (signal) => untilShutOut(reply.events(signal), isShutOut) };
}

/**
 * The answer to who is not, or not any more, the control host. Checked at the door as well; a connection that is kept
 * open must not outlive its revocation, nor the trust in its serial (T02).
 */
function refusalOf(
  context: AgentContext,
  caller: Caller,
  route: string,
  request: AgentRequest,
): AgentReply | undefined {
  const { trust } = context.state;
  const { serial } = caller.certificate;
  if (trust.revoked.has(serial)) {
    context.log({ event: "revoked-cert", peer: caller.ip, serial });
    return refusal(403, "certificate revoked");
  }
  const judged = trust.controller.judge(caller.certificate);
  if (judged.kind !== "refused") return undefined;
  return refuseSerial(context, caller, judged.reason, route, request);
}
