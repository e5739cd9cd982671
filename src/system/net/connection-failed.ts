import { messageOf, systemCode } from "../../core/errors.ts";

/**
 * A connection that failed, with the system's code, the TLS library's, or one of our own, such as `ETIMEDOUT`.
 */
export class ConnectionFailed extends Error {
  readonly code: string;

  constructor(code: string, cause?: unknown) {
    super(code, { cause });
    this.name = "ConnectionFailed";
    this.code = code;
  }

  static from(thrown: unknown): ConnectionFailed {
    return thrown instanceof ConnectionFailed
      ? thrown
      : new ConnectionFailed(failureCode(thrown), thrown);
  }
}

/** The library gives its reason only in the message; the codes are Node's. */
export function failureCode(thrown: unknown): string {
  const [, reason] = /OPENSSL_internal:([A-Z0-9_]+)$/.exec(messageOf(thrown)) ?? [];
  return reason === undefined ? systemCode(thrown) : `ERR_SSL_${reason}`;
}
