/** JSON of a known shape. */
import type * as z from "zod/mini";

/** What the schema makes of a JSON text; undefined when it is no JSON, or of another shape. */
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
 * What a schema gives, as others may have it: nothing of it can be changed, so nothing has to be copied.
 * Where `Text` is given, a text may also be that.
 */
export type Frozen<Shape, Text = never> = Shape extends string
  ? Shape | Text
  : Shape extends readonly (infer Item)[]
    ? readonly Frozen<Item, Text>[]
    : Shape extends object
      ? { readonly [Key in keyof Shape]: Frozen<Shape[Key], Text> }
      : Shape;

/** A list whose every item is text. */
export function isArrayOfText(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** An object whose every member is text. */
export function isRecordOfText(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((item) => typeof item === "string");
}

/** The same without the members that are undefined, which `exactOptionalPropertyTypes` tells apart. */
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
