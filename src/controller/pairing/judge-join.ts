/** Whether a host may join with a token. Pure: the time, the counts and what is registered are arguments. */
import type { JoinRefusalCode } from "../../core/join-refusal.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { matchesWildcard } from "../../core/wildcard.ts";
import type { StoredToken, TokenUse } from "../store/ports/join-tokens.ts";

export type TokenState = "open" | "revoked" | "expired" | "used-up";

/** By this host's clock alone: a token contains no time, so that a host whose clock is wrong can join (T31). */
export function tokenState(token: StoredToken, used: number, now: Date): TokenState {
  if (token.revoked !== undefined) return "revoked";
  // A time that cannot be read counts as past.
  if (!(now.getTime() < Date.parse(token.expires))) return "expired";
  return used >= token.uses ? "used-up" : "open";
}

/** Why a host may not join: what the log says, and what the host is told. */
export interface JoinRefusal {
  readonly code: JoinRefusalCode;
  readonly why: string;
  readonly told: string;
  /** The host may ask for the same again later. */
  readonly again?: boolean;
}

/** For a peer that has not proved to have the token: a stranger does not learn which tokens exist. */
export const NOT_ACCEPTED = "this token is not accepted";
/**
 * For a peer that has it, but comes from the wrong network or under a wrong name: an attacker does not learn which
 * would be right.
 */
const NOT_FOR_THIS_HOST = "this token is not for this host";
const REGISTERED = "a host of this name is registered already";
const USED_UP = "this token is used up";

/**
 * Everything that can be judged before the uses are counted. @param fromNetwork whether it calls from one of `from`
 */
export function refusalOf(
  token: StoredToken,
  hostname: string,
  fromNetwork: boolean,
  now: Date,
): JoinRefusal | undefined {
  const state = tokenState(token, 0, now);
  if (state === "revoked")
    return refusal("revoked", "the token is revoked", "this token is revoked");
  if (state === "expired")
    return refusal("expired", "the token has expired", "this token has expired");
  if (!fromNetwork) return refusal("network", "the token is for other networks", NOT_FOR_THIS_HOST);
  if (token.name !== undefined && !matchesWildcard(token.name, lowerAscii(hostname))) {
    return refusal("name", "the token is for other names", NOT_FOR_THIS_HOST);
  }
  return undefined;
}

export interface Occasion {
  readonly used: number;
  /** The use that this host's key has taken. */
  readonly earlier: TokenUse | undefined;
  readonly hostname: string;
  readonly nonce: string;
  /** Whether the name is registered, and by which request. */
  readonly registered: { readonly reqid: string } | undefined;
  /** Whether the rules let a token take over a registered name. */
  readonly mayReplace: boolean;
  /** Whether the host has proved that it is the registered one. */
  readonly isSameHost: boolean;
}

export type JoinDecision =
  | { readonly kind: "refused"; readonly refusal: JoinRefusal }
  | {
      readonly kind: "admitted";
      /** Whether the registered host's certificates are revoked. */
      readonly replaces: boolean;
      /** For the log. */
      readonly reason: string | undefined;
      /** The use was counted before. */
      readonly counted: boolean;
    };

/** Judged while nobody else changes tokens or hosts. */
export function decideJoin(token: StoredToken, occasion: Occasion): JoinDecision {
  const { used, earlier, hostname, nonce, registered, isSameHost, mayReplace } = occasion;
  if (earlier !== undefined) {
    const isSame = earlier.nonce === nonce && lowerAscii(earlier.hostname) === lowerAscii(hostname);
    if (!isSame) return refused("used-up", "the key has joined already", USED_UP);
    // The answer was lost, or the join was cut off: it is completed, and counts once.
    if (registered?.reqid === earlier.reqid || (registered === undefined && !earlier.registered)) {
      return { kind: "admitted", replaces: false, reason: "repeated", counted: true };
    }
    if (earlier.registered) {
      return refused("used-up", "the host was unpaired or replaced since it joined", USED_UP);
    }
  } else if (used >= token.uses) return refused("used-up", "the token is used up", USED_UP);
  const counted = earlier !== undefined;
  if (registered === undefined) {
    return { kind: "admitted", replaces: false, reason: undefined, counted };
  }
  if (isSameHost) return { kind: "admitted", replaces: false, reason: "same host", counted };
  if (token.replace !== true) {
    return refused(
      "registered",
      "the name is registered, and the host has not proved to be that one",
      REGISTERED,
    );
  }
  if (!mayReplace) {
    return refused("rule", "the name is registered, and no rule lets it be replaced", REGISTERED);
  }
  return { kind: "admitted", replaces: true, reason: "replace", counted };
}

/** @param why which rule does not allow it for which reason */
export function refusedByRules(why: string): JoinRefusal {
  return refusal("rule", `no rule of join.d allows it: ${why}`, NOT_FOR_THIS_HOST);
}

function refused(code: JoinRefusalCode, why: string, told: string): JoinDecision {
  return { kind: "refused", refusal: refusal(code, why, told) };
}

function refusal(code: JoinRefusalCode, why: string, told: string): JoinRefusal {
  return { code, why, told };
}
