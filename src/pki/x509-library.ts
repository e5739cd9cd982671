/**
 * The X.509 library, and the WebCrypto that it and all signing here stand on: one of our own, so that pki
 * does the same whatever the runtime brings. Only the files that make keys, requests and certificates load
 * the two: they cost 20 ms at start.
 *
 * webCrypto gets our own keys alone, as BoringSSL wrote them: it reads BER, and does not look whether what it
 * read is a key (T61). A stranger's key is judged in csr.ts, and goes into a certificate without being imported.
 */
import "reflect-metadata";
import { timingSafeEqual } from "node:crypto";
import { Crypto } from "@peculiar/webcrypto";
import * as x509 from "@peculiar/x509";

// Bun's type of a Crypto has this method as well.
const webCrypto = Object.assign(new Crypto(), { timingSafeEqual });
x509.cryptoProvider.set(webCrypto);

export { webCrypto, x509 };
