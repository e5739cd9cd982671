/** A file of join.d: one rule. Pure, and closed: what it does not know is an error. */
import * as z from "zod/mini";
import { readStrictFile } from "../../core/config/strict-file.ts";
import type { JoinRule } from "../../core/join-rule.ts";
import { parseAddressPrefix } from "../../core/net/address-list.ts";
import { lowerAscii } from "../../core/net/host-name.ts";

/** Of a list in it: every join is compared with each. */
const MAX_ENTRIES = 256;

const NAMES = "expected a list of patterns for names, such as web-*";
const NETWORKS = "expected a list of networks, such as 10.0.0.0/8";
const TAGS = 'expected keys, each with a list of values: { role = ["web", "db"] }';
const REPLACE = "expected true or false";

function listOf(item: z.ZodMiniType<string, string>, error: string) {
  return z
    .array(item, { error })
    .check(z.minLength(1, { error }), z.maxLength(MAX_ENTRIES, { error: "it is too long" }));
}

const pattern = z
  .string({ error: NAMES })
  .check(z.regex(/^[A-Za-z0-9.*?-]{1,253}$/, { error: NAMES }));
const network = z
  .string({ error: NETWORKS })
  .check(z.refine((text) => parseAddressPrefix(text) !== undefined, { error: NETWORKS }));
const value = z.string({ error: TAGS }).check(z.minLength(1, { error: TAGS }));

const shape = z.strictObject({
  // Required: a file that was cut, or is empty, must not allow every name.
  names: listOf(pattern, NAMES),
  networks: z.optional(listOf(network, NETWORKS)),
  tags: z._default(z.record(z.string(), listOf(value, TAGS), { error: TAGS }), {}),
  replace: z._default(z.boolean({ error: REPLACE }), false),
});

const HINT = 'docs/CONFIGURATION.md, "join.d", shows what such a file has in it.';

/** @throws CtrlExecError `config` that names the file and the key */
export async function readJoinRule(rule: string, file: string, text: string): Promise<JoinRule> {
  const read = await readStrictFile(shape, HINT, file, text);
  const { names, networks, tags, replace } = read;
  return {
    rule,
    names: names.map(lowerAscii),
    networks: networks?.flatMap((each) => parseAddressPrefix(each) ?? []),
    tags: Object.entries(tags),
    replace,
  };
}
