/** Calls a control host on its pairing port, and checks what it shows before anything is sent to it (T07). */
import { CtrlExecError } from "../../core/errors.ts";
import { forOneLine } from "../../core/text.ts";
import {
  type CertificateFacts,
  factsOf,
  isSignedBy,
  readDerCertificate,
} from "../../pki/certificate.ts";
import { formOf } from "../../pki/whose-certificate.ts";
import type { Connection } from "../../system/net/connection.ts";
import { dial, unreachable } from "../../system/net/dial.ts";

const CONNECT_MS = 10_000;

export interface ControlHostOptions {
  readonly controller: string;
  readonly port: number;
  /** `sha256:<hex>` of the controller's CA; checked before anything is sent. */
  readonly caFingerprint: string | undefined;
}

export interface ControlHost {
  readonly connection: Connection;
  readonly certificate: CertificateFacts;
  /** The CA that the control host shows; undefined if it shows none that signed its certificate. */
  readonly ca: CertificateFacts | undefined;
}

export async function connectTo(
  options: ControlHostOptions,
  address: string,
): Promise<ControlHost> {
  const { controller: host, port } = options;
  try {
    // The chain cannot be verified yet: the CA arrives with the answer. Instead there is the fingerprint, or
    // the operator's comparison of codes.
    const way = { host, port, credential: {}, timeoutMs: CONNECT_MS, mayBeAnybody: true };
    const { connection, peer } = await dial(way);
    const certificate = factsOf(peer);
    const ca = caInHandshake(connection, certificate);
    try {
      checkControlHost(certificate, address);
      if (options.caFingerprint !== undefined) checkExpectedCa(ca, options.caFingerprint, address);
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
    return { connection, certificate, ca };
  } catch (thrown) {
    throw unreachable(thrown, { listener: "controller", address, attempt: "Cannot pair" });
  }
}

/** The controller sends its CA along; one that did not sign its certificate proves nothing. */
function caInHandshake(
  connection: Connection,
  leaf: CertificateFacts,
): CertificateFacts | undefined {
  const issuer = connection.issuerShown();
  if (issuer === undefined) return undefined;
  let ca: CertificateFacts;
  try {
    ca = readDerCertificate(issuer, "the CA in the handshake");
  } catch {
    return undefined;
  }
  return ca.fingerprint !== leaf.fingerprint && isSignedBy(leaf, ca) ? ca : undefined;
}

/**
 * The CA signs agents too, and an agent must not pose as the control host: it would show the right CA to anyone
 * who compares fingerprints (T07). Certificates of 0.8 have no name that could tell.
 *
 * @throws CtrlExecError `untrusted`, before anything is sent
 */
function checkControlHost(certificate: CertificateFacts, address: string): void {
  if (formOf(certificate) !== "agent") return;
  throw new CtrlExecError("untrusted", `Cannot pair: ${address} is not a control host`, {
    hint: `It shows the certificate of ${forOneLine(certificate.commonName)}. Nothing was sent to it.`,
  });
}

/** @throws CtrlExecError `untrusted`, before anything is sent */
function checkExpectedCa(
  ca: CertificateFacts | undefined,
  fingerprint: string,
  address: string,
): void {
  if (ca === undefined) {
    throw new CtrlExecError("untrusted", `Cannot pair: ${address} does not send its CA`, {
      hint: "A control host of 0.8 never does. Without --ca-fingerprint, this agent shows the CA once it is paired: compare it then.",
    });
  }
  if (ca.fingerprint === fingerprint) return;
  throw new CtrlExecError(
    "untrusted",
    `Cannot pair: the CA of ${address} is not the expected one`,
    {
      hint: `Expected ${fingerprint}\nFound    ${ca.fingerprint}\nNothing was sent to it.`,
    },
  );
}
