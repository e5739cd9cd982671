import { messageOf } from "../../core/errors.ts";
import { ownName } from "../../pki/certificate.ts";
import { readPrivateKey } from "../../pki/keys.ts";
import { type Endpoint, requestIdIn } from "./endpoint.ts";

/** `POST /renew`: a certificate request for this agent's own name, made from its present key. */
export const renew: Endpoint = async ({ state, log }, { peerIp, body }) => {
  const reqid = requestIdIn(body);
  try {
    const { certificate, keyPem } = state.trust.identity;
    const { createCsr } = await import("../../pki/csr.ts");
    const key = readPrivateKey(keyPem, state.config.key);
    const csr = await createCsr(ownName(certificate), key);
    log({ event: "renew", peer: peerIp, reqid });
    return { status: 200, body: { status: "ok", csr, reqid } };
  } catch (thrown) {
    log({ event: "renew-fail", error: messageOf(thrown), peer: peerIp, reqid });
    return { status: 500, body: { error: "cannot make a certificate request", reqid } };
  }
};
