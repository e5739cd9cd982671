import { readJsonAs } from "../../core/json.ts";
import { cancelRequest } from "../../core/wire/messages/cancel-request.ts";
import { NO_SUCH_RUN } from "../../core/wire/messages/refusal.ts";
import { type Endpoint, refusal } from "./endpoint.ts";

/** `POST /cancel`: ends everything that a run's script has started. Answers when that is done, as far as possible. */
export const cancel: Endpoint = async ({ jobs, log }, { peerIp: peer, body }) => {
  const asked = readJsonAs(cancelRequest, body);
  if (asked === undefined) return refusal(400, "invalid JSON");
  const { reqid, grace, username: user } = asked;
  const outcome = await jobs.cancel(reqid, user, grace * 1000);
  if (outcome === undefined) {
    if (jobs.find(reqid) === undefined) return refusal(404, NO_SUCH_RUN);
    return { status: 200, body: { status: "not-running", left: 0 } };
  }
  const { ended, left, reason, script } = outcome;
  log({ event: "cancel", left, peer, reason, reqid, script, user });
  return { status: 200, body: { status: ended ? "ended" : "running", left } };
};
