/**
 * The identity in force: that of the files, which are checked for every handshake and request, so that a pairing or a
 * renewal takes effect from the next one on.
 *
 * Key, certificate and CA are replaced one after the other. They take effect once they match each other; until then,
 * and if they cannot be used at all, the identity in force stays.
 */
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import type { TlsCredential } from "../../system/net/tls-credential.ts";
import { type AgentIdentity, identityPaths, loadIdentity, readIdentity } from "./identity-files.ts";

export class StoredIdentity implements AgentIdentity {
  readonly #config: AgentConfig;
  #version: string;
  #identity: AgentIdentity;
  #credential: TlsCredential;
  #problem: string | undefined;

  /** @throws CtrlExecError `config` that names the file at fault (T09) */
  constructor(config: AgentConfig) {
    this.#config = config;
    this.#version = versionOf(config);
    this.#identity = loadIdentity(config);
    this.#credential = credentialOf(this.#identity);
  }

  /**
   * Checks the files. Until the next look, everything is answered from what they say now.
   * @returns whether the identity in force has changed
   */
  look(): boolean {
    const version = versionOf(this.#config);
    if (version === this.#version) return false;
    this.#version = version;
    try {
      const identity = readIdentity(this.#config);
      this.#problem = undefined;
      if (isSame(identity, this.#identity)) return false;
      this.#identity = identity;
      this.#credential = credentialOf(identity);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof CtrlExecError)) throw thrown;
      // Somebody is still writing the files: the next check finds out.
      if (versionOf(this.#config) === version) this.#problem = thrown.message;
      return false;
    }
  }

  /** What is wrong with the files, once nobody is writing them. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get certificate(): CertificateFacts {
    return this.#identity.certificate;
  }

  get ca(): CertificateFacts {
    return this.#identity.ca;
  }

  get keyPem(): string {
    return this.#identity.keyPem;
  }

  /** All three in the form that the TLS library takes. */
  get credential(): TlsCredential {
    return this.#credential;
  }
}

function versionOf(config: AgentConfig): string {
  return identityPaths(config).map(fileVersion).join(" ");
}

/** If so, the same credential stays in use, and sessions with it. */
function isSame(a: AgentIdentity, b: AgentIdentity): boolean {
  return (
    a.certificate.fingerprint === b.certificate.fingerprint &&
    a.ca.fingerprint === b.ca.fingerprint &&
    a.keyPem === b.keyPem
  );
}

function credentialOf({ certificate, ca, keyPem }: AgentIdentity): TlsCredential {
  return { cert: certificate.pem, key: keyPem, ca: ca.pem };
}
