import { authorizeAdmin } from "../../controller/access/admin.ts";
import { readTagSet } from "../../core/tags.ts";
import { success } from "../answer.ts";
import { defineRoute } from "../route.ts";
import {
  revokedAnswer,
  tokenAnswer,
  tokenIdRequest,
  tokenRequest,
  tokensAnswer,
} from "../token-schemas.ts";

const EXAMPLE = {
  id: "a1b2c3d4e5f60718",
  created: "2026-01-15T12:00:00Z",
  expires: "2026-01-15T13:00:00Z",
  uses: 20,
  name: "web-*",
  tags: { role: "web" },
};

const ADMIN = [
  "Closed unless api_admin is set in ctrl-exec.conf and there is an auth hook. The hook is asked with the action",
];

// Loaded on demand: no other route needs the code that makes and keeps tokens.
const tokens = async () => await import("../../controller/pairing/join-tokens.ts");

export const createToken = defineRoute({
  method: "POST",
  path: "/tokens",
  summary: "Make a join token",
  description: [
    "Hosts join with it without an operator. This answer is the only one that contains the token.",
    ...ADMIN,
    "token-create, and gets the limits of the token as its args. Then rules in join.d, if there are any, must allow it.",
  ].join("\n"),
  request: tokenRequest,
  bodyOptional: true,
  requestExample: { ttl: 3600, uses: 20, name: "web-*", tags: { role: "web" }, username: "alice" },
  answers: {
    200: {
      description: "The token, and its limits.",
      schema: tokenAnswer,
      example: { ok: true, token: "cxj1_q6urq6ur...", ...EXAMPLE },
    },
  },
  async handle({ api: { controller }, caller, body }) {
    const { ttl: seconds, uses, name, from, replace } = body;
    const tags = readTagSet(body.tags);
    await authorizeAdmin(controller, caller, {
      action: "token-create",
      args: [
        `ttl=${seconds}`,
        `uses=${uses}`,
        ...(name === undefined ? [] : [`name=${name}`]),
        ...(from ?? []).map((network) => `from=${network}`),
        ...Object.entries(tags).map(([key, value]) => `tag=${key}=${value}`),
        ...(replace ? ["replace"] : []),
      ],
    });
    const { createToken: create, shownCreated } = await tokens();
    const wish = { seconds, uses, name, tags, from, replace, user: caller.username };
    const created = await create(controller, wish);
    return success<typeof tokenAnswer>({ ok: true, token: created.text, ...shownCreated(created) });
  },
});

export const listTokens = defineRoute({
  method: "GET",
  path: "/tokens",
  summary: "The join tokens, newest first",
  description: [
    "Without the tokens themselves, which the control host does not keep.",
    ...ADMIN,
    "token-list.",
  ].join("\n"),
  answers: {
    200: {
      description: "The tokens; those that can no longer be used are listed for a week.",
      schema: tokensAnswer,
      example: { ok: true, tokens: [{ ...EXAMPLE, used: 3, state: "open" }], unreadable: [] },
    },
  },
  async handle({ api: { controller }, caller }) {
    await authorizeAdmin(controller, caller, { action: "token-list", args: [] });
    const { listTokens: list, shownToken } = await tokens();
    const { tokens: listed, broken } = await list(controller);
    return success<typeof tokensAnswer>({
      ok: true,
      tokens: listed.map(({ token, used, state }) => ({ ...shownToken(token), used, state })),
      unreadable: broken.map(({ id }) => id),
    });
  },
});

export const revokeToken = defineRoute({
  method: "POST",
  path: "/tokens/{id}/revoke",
  summary: "Revoke a token, so that no further host joins with it",
  description: [
    "Hosts that have already joined with it stay registered.",
    ...ADMIN,
    "token-revoke, and gets the id as its only argument.",
  ].join("\n"),
  request: tokenIdRequest,
  bodyOptional: true,
  requestExample: { username: "alice" },
  answers: {
    200: {
      description: "The token is revoked, by this request or an earlier one.",
      schema: revokedAnswer,
      example: { ok: true, ...EXAMPLE, revoked: "2026-01-15T12:30:00Z" },
    },
  },
  async handle({ api: { controller }, caller, parameters: { id } }) {
    await authorizeAdmin(controller, caller, { action: "token-revoke", args: [id] });
    const { revokeToken: revoke, shownToken } = await tokens();
    const token = await revoke(controller, id, caller.username);
    return success<typeof revokedAnswer>({ ok: true, ...shownToken(token) });
  },
});
