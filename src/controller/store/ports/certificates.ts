/** What the CA has signed, and the rotation of this control host's own certificate. See ../ports.ts. */
import type { CtrlExecError } from "../../../core/errors.ts";
import type { Serial } from "../../../core/serial.ts";
import type { CertificateFacts } from "../../../pki/certificate.ts";

export interface IssuedCertificate {
  readonly serial: Serial;
  readonly notAfter: Date;
}

/** What was signed for one name, as far as it can be read. */
export interface IssuedTo {
  readonly certificates: readonly IssuedCertificate[];
  /**
   * What cannot be read, for a person: certificates for any name may be missing. Undefined if everything can be read.
   */
  readonly unread: string | undefined;
}

/** What the CA has signed, and what it has revoked. */
export interface CertificateStore {
  /** @throws CtrlExecError `storage`: what cannot be noted is not handed out */
  note(certificate: Pick<CertificateFacts, "serial" | "notAfter" | "commonName">): Promise<void>;
  /** Every certificate of the name that was signed here and has not expired. */
  issuedTo(hostname: string, now: Date): Promise<IssuedTo>;
  hasExpired(now: Date): Promise<boolean>;
  /** Forgets those that have expired, but nothing that cannot be read. */
  prune(now: Date): Promise<void>;
  /** @throws CtrlExecError `config` when one cannot be read: an unread revocation would trust */
  revoked(): Promise<ReadonlySet<Serial>>;
  /**
   * The same for who dials: it is asked again for as long as a connection lasts. If the revocations cannot be read
   * meanwhile, what they were before stands.
   *
   * @throws as revoked(), at first
   */
  revokedByNow(): Promise<Pick<ReadonlySet<Serial>, "has">>;
  /** Where a person finds the revocations, and adds to them. */
  readonly revocationList: string;
}

export interface RotationState {
  readonly currentSerial: Serial;
  readonly previousSerial: Serial | undefined;
  readonly rotatedAt: Date | undefined;
  /** Until then, agents that missed the new serial are still told it, under the earlier one. */
  readonly overlapExpires: Date | undefined;
}

export type StoredRotation =
  | { readonly kind: "none" }
  | { readonly kind: "state"; readonly state: RotationState }
  /** Nothing is decided or deleted because of it. */
  | { readonly kind: "corrupt"; readonly reason: string };

/** The last rotation of this control host's certificate. */
export interface RotationStore {
  /** @throws CtrlExecError `config` if it exists but cannot be read */
  read(): Promise<StoredRotation>;
  /** The state, or undefined when there is none; a corrupt one is logged. */
  state(): Promise<RotationState | undefined>;
  /** What is wrong with it, and what to do; empty when nothing is. */
  problems(): Promise<readonly CtrlExecError[]>;
  /** The one write that makes a rotation happen. */
  commit(current: Serial, previous: Serial, now: Date): Promise<void>;
}
