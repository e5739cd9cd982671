/**
 * The X.509 library, set to Bun's own WebCrypto. Only the files that sign or parse requests load
 * it: it costs 14 ms at start.
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(crypto);

export { x509 };
