/** JSON of a known shape. */
import type * as z from "zod/mini";

/** A JSON text parsed by the schema; undefined if it is not JSON, or does not match. */
export function readJsonAs<Schema extends z.ZodMiniType>(
  schema: Schema,
  text: string,
): z.output<Schema> | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * A schema's result, read-only, so that it can be shared without copying. If `Text` is given, a text may also
 * be of that type.
 */
export type Frozen<Shape, Text = never> = Shape extends string
  ? Shape | Text
  : Shape extends readonly (infer Item)[]
    ? readonly Frozen<Item, Text>[]
    : Shape extends object
      ? { readonly [Key in keyof Shape]: Frozen<Shape[Key], Text> }
      : Shape;

/** Whether it is a list of texts only. */
export function isArrayOfText(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Whether it is an object whose members are all text. */
export function isRecordOfText(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((item) => typeof item === "string");
}

/**
 * Without the members that are undefined, which `exactOptionalPropertyTypes` distinguishes from missing ones.
 */
export function dropUndefined<Shape extends object>(shape: Shape): Compact<Shape> {
  const entries = Object.entries(shape).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Compact<Shape>;
}

type Compact<Shape> = {
  [Key in keyof Shape as undefined extends Shape[Key] ? never : Key]: Shape[Key];
} & {
  [Key in keyof Shape as undefined extends Shape[Key] ? Key : never]?: Exclude<
    Shape[Key],
    undefined
  >;
};
