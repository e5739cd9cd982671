/** A control host played by a test: it takes a pairing request and answers whatever it likes. */
import { createPublicKey } from "node:crypto";
import { x509 } from "../../src/pki/x509-library.ts";
import type { Authority, HostCredential } from "./authority.ts";
import { http10, onRequest, Peer } from "./peers.ts";

/** What the agent sent. */
export interface Asked {
  readonly hostname: string;
  readonly csr: string;
  readonly nonce: string;
  readonly port?: number;
}

export const REQUEST_ID = "0123456789abcdef";

/** The key of a certificate request, as SubjectPublicKeyInfo. */
export function keyOf(csr: string): Buffer {
  const request = new x509.Pkcs10CertificateRequest(csr);
  const key = { key: Buffer.from(request.publicKey.rawData), format: "der", type: "spki" } as const;
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

export interface FalseControllerOptions {
  readonly authority: Authority;
  /** The second response; undefined closes the connection instead. */
  readonly answer: (asked: Asked, honest: HonestAnswer) => unknown;
  /** The first response, instead of the honest one. */
  readonly pending?: unknown;
  /** What is sent after the server's own certificate in the handshake; default its CA. */
  readonly chain?: string;
  readonly server?: HostCredential;
}

/** What a real controller would answer. */
export interface HonestAnswer {
  readonly status: "approved";
  readonly cert: string;
  readonly ca: string;
  readonly nonce: string;
  readonly dispatcher_serial: string;
}

export async function falseController(options: FalseControllerOptions): Promise<Peer> {
  const { authority, chain = authority.ca.pem } = options;
  const server = options.server ?? (await authority.issue("ctrl-exec"));
  return await Peer.tls({ cert: `${server.cert}\n${chain}`, key: server.key }, (socket) =>
    onRequest(socket, async (_, body) => {
      const asked = JSON.parse(body) as Asked;
      const { cert } = await authority.issue(asked.hostname, { publicKey: keyOf(asked.csr) });
      const honest: HonestAnswer = {
        status: "approved",
        cert,
        ca: authority.ca.pem,
        nonce: asked.nonce,
        dispatcher_serial: server.serial,
      };
      socket.write(http10(options.pending ?? { status: "pending", reqid: REQUEST_ID }));
      const answer = await options.answer(asked, honest);
      if (answer === undefined) socket.end();
      else if (typeof answer === "string") socket.end(answer);
      else socket.end(http10(answer));
    }),
  );
}
