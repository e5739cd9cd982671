import { hostname } from "node:os";
import { opensslTime } from "../../core/time.ts";
import { selfReport } from "../self-report.ts";
import { type Endpoint, parseJson, requestIdIn } from "./endpoint.ts";

/** `POST /ping`: which agent this is, and when its certificate expires; with its tags if the request asks for them. */
export const ping: Endpoint = async ({ state, log }, { peerIp, body }) => {
  const reqid = requestIdIn(body);
  log({ event: "ping", peer: peerIp, reqid });
  const expiry = opensslTime(state.trust.identity.certificate.notAfter);
  const { version, tags } = selfReport(state.config);
  const told = asksForTags(body) ? { tags } : {};
  return { status: 200, body: { status: "ok", host: hostname(), version, expiry, reqid, ...told } };
};

/** Control hosts before 1.1 do not, and get the answer of 1.0. */
function asksForTags(body: string): boolean {
  const asked = parseJson(body);
  return typeof asked === "object" && asked !== null && "tags" in asked && asked.tags === 1;
}
