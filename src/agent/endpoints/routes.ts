/** Who may call which endpoint: only the stored controller, and only what this table lists (T04). */
import type { RunEvent } from "../../core/run-event.ts";
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
  // Checked at the door as well; a connection that is kept open must not outlive its revocation (T02).
  const { trust } = context.state;
  const { serial } = caller.certificate;
  if (trust.revoked.has(serial)) {
    context.log({ event: "revoked-cert", peer: caller.ip, serial });
    return refusal(403, "certificate revoked");
  }
  const judged = trust.controller.judge(caller.certificate);
  if (judged.kind === "refused") {
    return refuseSerial(context, caller, judged.reason, route, request);
  }
  const [, reqid] = /^GET \/result\/([0-9a-f]{16})$/.exec(route) ?? [];
  if (reqid !== undefined) return await result(context, reqid);
  const endpoint = ROUTES.get(route);
  if (endpoint === undefined) return refusal(404, "not found");
  const reply = await endpoint(context, request);
  if (!("events" in reply)) return reply;
  const isRevoked = () => {
    trust.revoked.look();
    const isShutOut = trust.revoked.has(serial);
    if (isShutOut) context.log({ event: "revoked-cert", peer: caller.ip, serial });
    return isShutOut;
  };
  return { ...reply, events: (signal) => untilRevoked(reply.events(signal), isRevoked) };
}

/** Nor does a stream outlive it, which may go on for days (T02). */
async function* untilRevoked(
  events: AsyncIterable<RunEvent>,
  isRevoked: () => boolean,
): AsyncGenerator<RunEvent> {
  for await (const event of events) {
    if (isRevoked()) return;
    yield event;
  }
}
