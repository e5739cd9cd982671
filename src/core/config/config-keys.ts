/**
 * What a configuration key is for, in a sentence. The example files, the man pages and
 * docs/CONFIGURATION.md are generated from these; defaults come from the schemas.
 */
export interface KeyDescription {
  /** The heading it stands under. */
  readonly group: string;
  readonly text: string;
  /** A value worth showing, where the default is none or says nothing. */
  readonly example?: string;
}

export type KeyDescriptions<Key extends string> = Readonly<Record<Key, KeyDescription>>;
