import { messageOf, systemCode } from "../../core/errors.ts";

/** A connection that failed: the system's code, the TLS library's, or one of our own like `ETIMEDOUT`. */
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

/** The library gives its reason in the message only; the codes are those that Node has for them. */
export function failureCode(thrown: unknown): string {
  const [, reason] = /OPENSSL_internal:([A-Z0-9_]+)$/.exec(messageOf(thrown)) ?? [];
  return reason === undefined ? systemCode(thrown) : `ERR_SSL_${reason}`;
}
