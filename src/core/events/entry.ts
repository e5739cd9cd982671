/** An event in the catalogue, and the type that follows from it. */
import type { FieldName, FieldValue } from "./fields.ts";

export type Level = "info" | "warning" | "err";

export interface Entry {
  /**
   * The line's ACTION, if it is not the event's name. Events with the same action differ in level and fields.
   */
  readonly action?: string;
  readonly level: Level;
  readonly fields: readonly FieldName[];
  /** Fields that a line may lack. */
  readonly maybe?: readonly FieldName[];
  /** When it is written, as docs/LOGGING.md shows it: Markdown, no line breaks. */
  readonly when: string;
}

export type Entries = Readonly<Record<string, Entry>>;

/** A union with one member for each entry: `{ event: "dispatch", hosts, reqid, script }`. */
export type EventOf<Catalogue extends Entries> = {
  [Name in keyof Catalogue & string]: { readonly event: Name } & {
    readonly [F in Catalogue[Name]["fields"][number]]: FieldValue<F>;
  } & {
    readonly [F in Maybe<Catalogue[Name]> | "by" | "via"]?: FieldValue<F> | undefined;
  };
}[keyof Catalogue & string];

type Maybe<E extends Entry> = E extends { readonly maybe: readonly (infer F extends FieldName)[] }
  ? F
  : never;
