import { readJsonAs } from "../../core/json.ts";
import { withdrawRequest } from "../../core/wire/messages/withdraw-request.ts";
import { type Endpoint, refusal } from "./endpoint.ts";

/** `POST /withdraw`: nobody waits for a run any more. If it is not known, it will not start from now on. */
export const withdraw: Endpoint = async ({ jobs, log }, { peerIp: peer, body }) => {
  const asked = readJsonAs(withdrawRequest, body);
  if (asked === undefined) return refusal(400, "invalid JSON");
  const { reqid, username } = asked;
  const withdrawal = jobs.withdraw(reqid, username);
  if (withdrawal.kind === "known") return { status: 200, body: { status: "known" } };
  if (withdrawal.kind === "unnoted") {
    const { problem: error } = withdrawal;
    log({ event: "withdraw-fail", error, peer, reqid });
    return refusal(503, error);
  }
  log({ event: "withdraw", peer, reqid });
  // Rounded down: too long a time would prove something that is not so.
  const known_for = Math.floor(withdrawal.knownMs) / 1000;
  return { status: 200, body: { status: "withdrawn", known_for } };
};
