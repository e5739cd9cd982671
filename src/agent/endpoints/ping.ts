import { hostname } from "node:os";
import { opensslTime } from "../../core/time.ts";
import { VERSION } from "../../core/version.ts";
import { type Endpoint, requestIdIn } from "./endpoint.ts";

/** `POST /ping`: which agent this is, and when its certificate expires. */
export const ping: Endpoint = async ({ state, log }, { peerIp, body }) => {
  const reqid = requestIdIn(body);
  log({ event: "ping", peer: peerIp, reqid });
  const expiry = opensslTime(state.trust.identity.certificate.notAfter);
  return { status: 200, body: { status: "ok", host: hostname(), version: VERSION, expiry, reqid } };
};
