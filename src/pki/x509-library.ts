/**
 * The X.509 library, and the WebCrypto that it and all signing here use: our own, so that pki does the same
 * whatever the runtime has. Only the files that make keys, requests and certificates load them: they cost 20 ms
 * at start.
 *
 * webCrypto gets only our own keys, as BoringSSL wrote them: it reads BER, and does not check whether what it
 * read is a key (T61). csr.ts judges a stranger's key, which goes into a certificate without being imported.
 */
import "reflect-metadata";
import { timingSafeEqual } from "node:crypto";
import { Crypto } from "@peculiar/webcrypto";
import * as x509 from "@peculiar/x509";

// Bun's type of Crypto also has this method.
const webCrypto = Object.assign(new Crypto(), { timingSafeEqual });
x509.cryptoProvider.set(webCrypto);

export { webCrypto, x509 };
