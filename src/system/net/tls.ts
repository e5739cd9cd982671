/** TLS contexts of the servers that node:net and node:http serve: the pairing port and the API. */
import { createSecureContext, type SecureContext } from "node:tls";
import { TLS12_SUITES, type TlsCredential } from "./tls-credential.ts";

/** One context serves every connection: building one per connection costs 10 to 25 %. */
export function tlsContext(credential: TlsCredential): SecureContext {
  return createSecureContext({ ...credential, minVersion: "TLSv1.2", ciphers: TLS12_SUITES });
}
