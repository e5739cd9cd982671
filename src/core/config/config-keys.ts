/**
 * What a configuration key does, in a sentence. The example files, the man pages and docs/CONFIGURATION.md are
 * generated from these; defaults come from the schemas.
 */
export interface KeyDescription {
  /** The heading in the documents. */
  readonly group: string;
  readonly text: string;
  /** A value worth showing, if there is no default or it says little. */
  readonly example?: string;
}

export type KeyDescriptions<Key extends string> = Readonly<Record<Key, KeyDescription>>;
