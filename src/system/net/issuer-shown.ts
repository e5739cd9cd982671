/** The certificate that a peer sends after its own. */
import type { DetailedPeerCertificate } from "node:tls";

/** With the argument the library gives the chain; its published type has none. */
interface ShowsChain {
  getPeerCertificate(short: boolean): Partial<DetailedPeerCertificate>;
}

/** Its DER; undefined if the peer sent none. */
export function issuerOf(socket: ShowsChain): Buffer | undefined {
  return socket.getPeerCertificate(false).issuerCertificate?.raw;
}
