/** Join tokens: created, listed and revoked. How a host uses one is in join-desk.ts. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError, DeniedError } from "../../core/errors.ts";
import { formatJoinToken, MAX_TOKEN_SECONDS, MAX_TOKEN_USES } from "../../core/join-token.ts";
import { dropUndefined } from "../../core/json.ts";
import { parseAddressPrefix } from "../../core/net/address-list.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { MAX_OWN_TAGS, type Tags, tagText } from "../../core/tags.ts";
import { isoSeconds } from "../../core/time.ts";
import { keyFromSeed, publicHalf } from "../../pki/join-key.ts";
import type { HostContext } from "../store/host.ts";
import type { BrokenToken, StoredToken } from "../store/ports/join-tokens.ts";
import { caCertificate } from "../trust/ca-certificate.ts";
import { joinRuleFolder, rulesForToken } from "./join-rules.ts";
import { type TokenState, tokenState } from "./judge-join.ts";

/**
 * How long a token that can no longer be used stays in the list: whoever wonders why a host cannot join finds it
 * there.
 */
const KEPT_MS = 7 * 86_400_000;

export interface TokenWish {
  readonly seconds: number;
  readonly uses: number;
  readonly name?: string | undefined;
  readonly tags?: Tags | undefined;
  readonly from?: readonly string[] | undefined;
  readonly replace?: boolean | undefined;
  /** Set by the API: who asked. */
  readonly user?: string | undefined;
}

export interface CreatedToken {
  /** The rules of join.d that may let hosts join with it; undefined if there are no rules. */
  readonly rules: readonly string[] | undefined;
  /** It contains the secret: it is shown once, and is stored nowhere. */
  readonly text: string;
  readonly token: StoredToken;
}

export interface ListedToken {
  readonly token: StoredToken;
  readonly used: number;
  readonly state: TokenState;
}

export interface TokenList {
  readonly tokens: readonly ListedToken[];
  readonly broken: readonly BrokenToken[];
}

/**
 * @throws CtrlExecError `bad-request` for values that are not allowed, `denied` if no rule of join.d allows them, `config`
 *   if there is no CA, or a rule cannot be used
 */
export async function createToken(controller: HostContext, wish: TokenWish): Promise<CreatedToken> {
  const { config, log, now, store } = controller;
  requireSound(wish);
  const rules = await requireAllowed(controller, wish);
  const { fingerprint } = caCertificate(config);
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const id = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const tags = Object.keys(wish.tags ?? {}).length === 0 ? undefined : wish.tags;
  const token: StoredToken = {
    id,
    public_key: publicHalf(keyFromSeed(seed)),
    created: isoSeconds(now()),
    expires: isoSeconds(new Date(now().getTime() + wish.seconds * 1000)),
    uses: wish.uses,
    name: wish.name === undefined ? undefined : lowerAscii(wish.name),
    tags,
    from: wish.from,
    replace: wish.replace === true ? true : undefined,
  };
  await store.exclusively((writer) => writer.putToken(token));
  log({
    event: "token-create",
    count: token.uses,
    expiry: token.expires,
    token: id,
    rules,
    tags: tags && Object.entries(tags).map(([key, value]) => `${key}=${tagText(value)}`),
    user: wish.user,
  });
  return { text: formatJoinToken({ caFingerprint: fingerprint, id, seed }), token, rules };
}

/** Newest first; those that cannot be read by id. */
export async function listTokens({ now, store }: HostContext): Promise<TokenList> {
  const { tokens, broken } = await store.joinTokens.all();
  const sorted = tokens.toSorted(
    (a, b) => b.created.localeCompare(a.created) || a.id.localeCompare(b.id),
  );
  const listed = sorted.map(async (token) => {
    const used = await store.joinTokens.used(token.id);
    return { token, used, state: tokenState(token, used, now()) };
  });
  return {
    tokens: await Promise.all(listed),
    broken: broken.toSorted((a, b) => a.id.localeCompare(b.id)),
  };
}

/** Hosts that have already joined with it stay registered. @throws CtrlExecError `not-found` */
export async function revokeToken(
  { config, log, now, store }: HostContext,
  id: string,
  user?: string,
): Promise<StoredToken> {
  return await store.exclusively(async (writer) => {
    const token = await store.joinTokens.find(id);
    if (token === undefined) {
      throw new CtrlExecError(
        "not-found",
        `Cannot revoke the token ${id}: there is no token with that id`,
        {
          hint: `See: ctrl-exec token list${configArgument(config.file)}`,
          remoteHint: "GET /tokens lists them.",
        },
      );
    }
    if (token.revoked !== undefined) return token;
    const revoked = { ...token, revoked: isoSeconds(now()) };
    await writer.putToken(revoked);
    log({ event: "token-revoke", token: id, user });
    return revoked;
  });
}

/** Forgets tokens that could no longer be used for a week. Returns how many. */
export async function dropOldTokens({ now, store }: HostContext): Promise<number> {
  const before = now().getTime() - KEPT_MS;
  return await store.joinTokens.drop(({ expires }) => Date.parse(expires) < before);
}

function requireSound({ seconds, uses, name, tags = {}, from = [] }: TokenWish): void {
  const refuse = (why: string, hint: string) => {
    throw new CtrlExecError("bad-request", `Cannot make a join token: ${why}`, { hint });
  };
  if (!(seconds >= 1 && seconds <= MAX_TOKEN_SECONDS)) {
    refuse("it would last longer than a year, or no time at all", "Such as 1h, 30m or 7d.");
  }
  if (!(Number.isInteger(uses) && uses >= 1 && uses <= MAX_TOKEN_USES)) {
    refuse(`its uses are not between 1 and ${MAX_TOKEN_USES}`, "One use is one host.");
  }
  if (name !== undefined && !/^[A-Za-z0-9.*?-]{1,253}$/.test(name)) {
    refuse(
      "a pattern for names has letters, digits, hyphens and dots, * for any and ? for one",
      "Such as web-*.",
    );
  }
  const other = from.find((text) => parseAddressPrefix(text) === undefined);
  if (other !== undefined) refuse(`"${other}" is not a network`, "Such as 10.0.0.0/8.");
  if (Object.keys(tags).length > MAX_OWN_TAGS) {
    refuse(`it has more than ${MAX_OWN_TAGS} tags`, "A host cannot have more.");
  }
}

/** The rules that may let a host join; undefined if there are no rules. */
async function requireAllowed(
  { config, log }: HostContext,
  wish: TokenWish,
): Promise<readonly string[] | undefined> {
  const ruling = await rulesForToken(config, wish);
  if (ruling.kind === "free") return undefined;
  if (ruling.kind === "allowed") return ruling.rules.map(({ rule }) => rule);
  log({ event: "token-refuse", reason: ruling.why, user: wish.user });
  throw new DeniedError(
    `no rule of join.d allows such a token: ${ruling.why}`,
    3,
    `Ask for names, networks and tags that one rule allows, or change a rule: ${joinRuleFolder(config)}`,
  );
}

/** What programs see of a token: everything except what only this host needs. */
export function shownToken(token: StoredToken) {
  const { id, created, expires, uses, name, tags, from, replace, revoked } = token;
  return dropUndefined({ id, created, expires, uses, name, tags, from, replace, revoked });
}

/** What programs see of one that was just made, beside its text. */
export function shownCreated({ token, rules }: CreatedToken) {
  return { ...shownToken(token), ...(rules === undefined ? {} : { rules }) };
}
