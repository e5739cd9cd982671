/** Join tokens: the members of a request for one, and what the API shows of them. */
import { z } from "zod";
import { MAX_TOKEN_SECONDS, MAX_TOKEN_USES } from "../core/join-token.ts";
import { duration } from "./duration-schema.ts";
import { token as hookToken, requestSchema, username } from "./schemas.ts";

const NETWORKS = "expected a non-empty array of networks";
const USES = `expected a whole number from 1 to ${MAX_TOKEN_USES}`;

export const tokenRequest = requestSchema({
  ttl: duration(1, MAX_TOKEN_SECONDS)
    .default(3600)
    .describe("The time for which hosts may join with it: seconds, or text such as 30m, 1h or 7d."),
  uses: z
    .int({ error: USES })
    .min(1, { error: USES })
    .max(MAX_TOKEN_USES, { error: USES })
    .default(1)
    .describe("How many hosts may join with it."),
  name: z
    .string({ error: "expected text" })
    .optional()
    .describe("Only hosts whose names match: * stands for any characters, ? for one."),
  tags: z
    .record(z.string(), z.string({ error: "expected text" }), { error: "expected an object" })
    .default({})
    .describe("The control host's own tags for each host that joins."),
  from: z
    .array(z.string({ error: "expected text" }), { error: NETWORKS })
    .min(1, { error: NETWORKS })
    .optional()
    .describe("Only hosts in these networks, such as 10.0.0.0/8."),
  replace: z
    .boolean({ error: "expected true or false" })
    .default(false)
    .describe("A host may take over a registered name; its earlier certificates are revoked."),
  username,
  token: hookToken,
});

export const tokenIdRequest = requestSchema({ username, token: hookToken });

const known = {
  id: z.string(),
  created: z.string(),
  expires: z.string(),
  uses: z.int(),
  name: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  from: z.array(z.string()).optional(),
  replace: z.boolean().optional(),
  revoked: z.string().optional().describe("When it was revoked."),
};

export const tokenAnswer = z.object({
  ok: z.literal(true),
  token: z.string().describe("The token itself. No later answer contains it."),
  ...known,
  rules: z
    .array(z.string())
    .optional()
    .describe("The rules of join.d that may let hosts join with it; absent if there are no rules."),
});

export const tokensAnswer = z.object({
  ok: z.literal(true),
  tokens: z.array(
    z.object({
      ...known,
      used: z.int().describe("How many hosts have joined with it."),
      state: z.enum(["open", "revoked", "expired", "used-up"]),
    }),
  ),
  unreadable: z
    .array(z.string())
    .describe("The ids of tokens that are not listed because their files cannot be read."),
});

export const revokedAnswer = z.object({ ok: z.literal(true), ...known });
