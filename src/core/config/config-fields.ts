/**
 * The types of value that a configuration key can have. Each takes the .conf form (text) and the TOML form (a
 * number, boolean or list), and says what it expected.
 *
 * zod/mini is zod without its method chains: every command reads a configuration, and this form starts 7 ms
 * sooner.
 */
import * as z from "zod/mini";
import { isArrayOfText } from "../json.ts";
import { isLoopback } from "../net/foreign-host.ts";
import { isResolvableName, lowerAscii } from "../net/host-name.ts";
import { type HubAddress, parseHubAddress } from "../net/hub-address.ts";
import { isIp } from "../net/ip-address.ts";
import { parseReleaseKey } from "../release/release-key.ts";
import { parseByteSize, parseRateLimit } from "../units.ts";

/** The value of a key that is not in the file. zod calls it `_default` because `default` is a reserved word. */
export const withDefault = z._default;
export const optional = z.optional;

/** A value converted by `read`, which returns undefined if it is not what was expected. */
function field<Value>(read: (value: unknown) => Value | undefined, expected: string) {
  return z.transform((value: unknown, context): Value => {
    const result = read(value);
    if (result !== undefined) return result;
    context.issues.push({ code: "custom", message: expected, input: value });
    return z.NEVER;
  });
}

/** A field whose value is text, or in TOML perhaps a number. */
function textField<Value>(read: (text: string) => Value | undefined, expected: string) {
  return field((value) => {
    if (typeof value === "number") return read(String(value));
    return typeof value === "string" ? read(value) : undefined;
  }, expected);
}

/** A whole number within bounds. */
export function wholeNumber(min: number, max: number) {
  return textField((text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return number >= min && number <= max ? number : undefined;
  }, `expected a whole number from ${min} to ${max}`);
}

export const port = wholeNumber(0, 65_535);

/** A timer can hold 2^31-1 milliseconds, 24 days; a longer one would fire at once. */
export const MAX_TIMER_SECONDS = 2_147_483;

export const seconds = wholeNumber(1, MAX_TIMER_SECONDS);

const FLAG_WORDS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ...["1", "yes", "true", "on", 1, true].map((word) => [word, true] as const),
  ...["0", "no", "false", "off", 0, false].map((word) => [word, false] as const),
]);

/** `1`, `yes`, `true`, `on` and their opposites. */
export const flag = field((value) => FLAG_WORDS.get(value), "expected yes or no");

const ABSOLUTE = /^\/[^\0]*$/;

export const absolutePath = textField(
  (text) => (ABSOLUTE.test(text) ? text : undefined),
  "expected an absolute path",
);

/** A list: text with a separator in the .conf form, an array in TOML. */
function listField(
  separator: string,
  expected: string,
  fits: (items: readonly string[]) => boolean,
) {
  return field((value) => {
    const items = typeof value === "string" ? value.split(separator) : value;
    if (!isArrayOfText(items)) return undefined;
    const trimmed = items.map((item) => item.trim()).filter((item) => item !== "");
    return fits(trimmed) ? trimmed : undefined;
  }, expected);
}

/** `a:b` in the .conf form, a list in TOML. */
export const pathList = listField(
  ":",
  "expected absolute paths separated by colons",
  (items) => items.length > 0 && items.every((item) => ABSOLUTE.test(item)),
);

/** `a, b` in the .conf form, a list in TOML. The code that uses the list checks its items. */
export const commaList = listField(",", "expected a comma-separated list", () => true);

/** Names as in a Host header, without ports; in lower case. */
export const hostNames = z.pipe(
  listField(
    ",",
    "expected host names without ports, separated by commas",
    (items) => items.length > 0 && items.every(isResolvableName),
  ),
  z.transform((names: string[]) => names.map(lowerAscii)),
);

/** Hubs: `host`, `host:port`, with `#sha256:...` unless it is the control host's own. At most eight: each is a connection. */
export const hubAddresses = z.pipe(
  listField(
    ",",
    "expected at most eight hubs, host[:port] or host[:port]#sha256:<64 hex digits>, separated by commas",
    (items) => items.length <= 8 && items.every((item) => parseHubAddress(item) !== undefined),
  ),
  z.transform((items: string[]): readonly HubAddress[] =>
    items.flatMap((item) => parseHubAddress(item) ?? []),
  ),
);

export const rateLimit = textField(
  parseRateLimit,
  "expected limit/window/block, such as 10/60/300",
);

export const byteSize = textField(parseByteSize, "expected a size such as 65536, 512K or 64M");

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(...words: Words) {
  const expected = `expected ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return textField((text) => words.find((word): word is Words[number] => word === text), expected);
}

export const keyType = oneOf("ec", "rsa4096");
export type KeyType = z.output<typeof keyType>;

/** An address to bind to; a name would depend on a resolver at start. */
export const bindAddress = textField(
  (text) => (isIp(text) ? text : undefined),
  "expected an IP address such as 127.0.0.1, 0.0.0.0 or ::",
);

/** An address that only this host itself can reach. */
export const loopbackAddress = textField(
  (text) => (isIp(text) && isLoopback(text) ? text : undefined),
  "expected an address of this host alone, 127.0.0.1 or ::1",
);

/** The public key with which releases are signed: its 32 bytes. */
export const releaseKey = textField(
  parseReleaseKey,
  "expected a public key of ssh-keygen: ssh-ed25519 AAAA...",
);
