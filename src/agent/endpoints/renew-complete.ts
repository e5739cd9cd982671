import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { opensslTime } from "../../core/time.ts";
import { renewCompleteRequest } from "../../core/wire/messages/renew.ts";
import { storeCertificate } from "../trust/identity-files.ts";
import { checkRenewed } from "../trust/renewed-certificate.ts";
import { type Endpoint, requestIdIn } from "./endpoint.ts";

/**
 * `POST /renew-complete`: checks the new certificate and stores it whole; it is in force from the next
 * handshake on.
 */
export const renewComplete: Endpoint = async (context, { peerIp, body }) => {
  const { state, log, now } = context;
  const reqid = requestIdIn(body);
  const where = { peer: peerIp, reqid };
  const asked = readJsonAs(renewCompleteRequest, body);
  if (asked === undefined) return { status: 400, body: { error: "invalid JSON", reqid } };
  try {
    const certificate = checkRenewed(asked, state.trust.identity, now());
    storeCertificate(state.config, certificate.pem);
    log({ event: "renew-complete", ...where, expiry: opensslTime(certificate.notAfter) });
    return { status: 200, body: { status: "ok", reqid } };
  } catch (thrown) {
    log({ event: "renew-complete-fail", ...where, error: messageOf(thrown) });
    const refused = thrown instanceof CtrlExecError && thrown.code === "untrusted";
    const error = refused ? thrown.message : "cannot store the certificate";
    return { status: refused ? 400 : 500, body: { error, reqid } };
  }
};
