/** Limits on what a peer may send (docs/PROTOCOL.md, sections 1 and 2). Anything longer is refused. */

/** Port 7443 and the API: bytes of a request's body. */
export const MAX_REQUEST_BYTES = 1_048_576;

/** Port 7443: header lines of a request. */
export const MAX_HEADERS = 32;

/** Port 7443: the first line and the headers together, of a request and of an answer. */
export const MAX_HEAD_BYTES = 16_384;

/** Port 7443: the body of an answer that has neither output nor a list. */
export const MAX_SHORT_ANSWER = 65_536;

/** Port 7444, where the peer has not shown who it is: the first line and the headers of a message. */
export const MAX_PAIRING_HEAD_BYTES = 8192;

/** Port 7444: a message's body. */
export const MAX_PAIRING_BYTES = 65_536;

/** Characters of a name, a version, a date. */
export const MAX_WORD = 255;

/** Characters of a certificate request, in PEM. */
export const MAX_CSR = 32_768;

/** Characters of an error or a refusal, which is shown in one line and logged. */
export const MAX_ERROR_TEXT = 8192;

/** Bytes of a release's build, compressed. Today's builds have a third of it. */
export const MAX_BUILD_BYTES = 128 * 2 ** 20;

/** Bytes of a build in one request: base64 makes them a third longer. */
export const MAX_PIECE_BYTES = 512 * 2 ** 10;
