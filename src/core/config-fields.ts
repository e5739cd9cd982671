/**
 * The kinds of value a configuration key can have. Each takes the .conf form (text) and the TOML
 * form (a number, boolean or list), and says what it expected.
 */
import { z } from "zod";
import { parseByteSize, parseRateLimit } from "./units.ts";

/** A whole number within bounds. */
export function wholeNumber(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}`;
  return z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^\d{1,15}$/)
          .transform(Number),
      ],
      { error: expected },
    )
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, {
      error: expected,
    });
}

export const port = wholeNumber(0, 65_535);

/** Seconds, up to ten years: long enough for anyone, short enough for a timer to hold. */
export const seconds = (min = 1) => wholeNumber(min, 315_360_000);

/** `1`, `yes`, `true`, `on` and their opposites. */
export const flag = z.union(
  [
    z.boolean(),
    z.literal(1).transform(() => true),
    z.literal(0).transform(() => false),
    z.enum(["1", "yes", "true", "on"]).transform(() => true),
    z.enum(["0", "no", "false", "off"]).transform(() => false),
  ],
  { error: "expected 1 or 0" },
);

const ABSOLUTE = /^\/[^\0]*$/;

export const absolutePath = z
  .string({ error: "expected an absolute path" })
  .regex(ABSOLUTE, { error: "expected an absolute path" });

/** `a:b` in the .conf form, a list in TOML. */
export const pathList = z
  .union([z.string().transform((text) => text.split(":")), z.array(z.string())], {
    error: "expected absolute paths separated by colons",
  })
  .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ""))
  .refine((items) => items.length > 0 && items.every((item) => ABSOLUTE.test(item)), {
    error: "expected absolute paths separated by colons",
  });

/** `a, b` in the .conf form, a list in TOML. What an item may be is its reader's to say. */
export const commaList = z
  .union([z.string().transform((text) => text.split(",")), z.array(z.string())], {
    error: "expected a comma-separated list",
  })
  .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ""));

export const rateLimit = z
  .string({ error: "expected limit/window/block" })
  .transform((text, context) => {
    const limit = parseRateLimit(text);
    if (limit !== undefined) return limit;
    context.addIssue({ code: "custom", message: "expected limit/window/block, such as 10/60/300" });
    return z.NEVER;
  });

export const byteSize = z
  .union([z.number().transform(String), z.string()])
  .transform((text, context) => {
    const bytes = parseByteSize(text);
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: "custom", message: "expected a size such as 65536, 512K or 64M" });
    return z.NEVER;
  });

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(...words: Words) {
  return z.enum(words, { error: `expected ${words.slice(0, -1).join(", ")} or ${words.at(-1)}` });
}

export const keyType = oneOf("ec", "rsa4096");
export type KeyType = z.infer<typeof keyType>;

/** An address to bind to; a name would depend on a resolver at start. */
export const bindAddress = z.union([z.ipv4(), z.ipv6()], {
  error: "expected an IP address such as 127.0.0.1, 0.0.0.0 or ::",
});
