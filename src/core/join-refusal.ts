/** Why a host may not join, in one word: for the log, and for notices, which tell nothing that a stranger has written. */
export const JOIN_REFUSALS = [
  /** What was sent is not the proof of a token, or its request is for another name. */
  "invalid",
  "unknown-token",
  /** The token's key has not signed this. */
  "signature",
  "revoked",
  "expired",
  "used-up",
  /** It calls from a network that is not the token's. */
  "network",
  /** Its name is not one of the token's. */
  "name",
  /** No rule of join.d allows it. */
  "rule",
  /** Its name is another host's. */
  "registered",
  /** Something is wrong on the control host. */
  "local",
] as const;

export type JoinRefusalCode = (typeof JOIN_REFUSALS)[number];
