/** Writes JSON piece by piece: a script's output is never held both as text and as JSON. */

/** A text of at least this many characters is written in pieces of this length. */
const PIECE_LENGTH = 65_536;

/** A text that is generated while it is written. */
export interface LongText {
  /** Bytes as UTF-8; undefined if that is not known. */
  readonly bytes?: number;
  /** The text in order, in pieces of any length, from the beginning each time. */
  parts(): Iterable<string>;
  /** The bytes from which it was made, from this offset on; undefined if they are not at hand. */
  bytesFrom?(offset: number): Iterable<Buffer>;
}

export function isLongText(value: unknown): value is LongText {
  return typeof value === "object" && value !== null && "parts" in value;
}

/** The text in order. */
export function textParts(text: string | LongText): Iterable<string> {
  return typeof text === "string" ? [text] : text.parts();
}

/** The whole text, for showing it rather than passing it on. */
export function wholeText(text: string | LongText): string {
  return typeof text === "string" ? text : [...textParts(text)].join("");
}

/**
 * What JSON.stringify would make of plain objects, arrays, text, numbers and long texts, in pieces of at least
 * PIECE_LENGTH characters, except the last, and not many times that.
 */
export function* jsonPieces(value: unknown): Generator<string> {
  let waiting = "";
  for (const part of parts(value)) {
    waiting += part;
    if (waiting.length < PIECE_LENGTH) continue;
    yield waiting;
    waiting = "";
  }
  if (waiting !== "") yield waiting;
}

function* parts(value: unknown): Generator<string> {
  if (typeof value === "string" && value.length > PIECE_LENGTH) {
    yield* textPieces([value]);
  } else if (isLongText(value)) {
    yield* textPieces(value.parts());
  } else if (Array.isArray(value) && value.some(isObject)) {
    yield* between("[", "]", value, parts);
  } else if (isObject(value) && Object.values(value).some(isLong)) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    yield* between("{", "}", members, function* ([name, member]) {
      yield `${JSON.stringify(name)}:`;
      yield* parts(member);
    });
  } else {
    yield JSON.stringify(value);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isLong(value: unknown): boolean {
  return isObject(value) || (typeof value === "string" && value.length > PIECE_LENGTH);
}

function* between<Item>(
  open: string,
  close: string,
  items: readonly Item[],
  piecesOf: (item: Item) => Iterable<string>,
): Generator<string> {
  let mark = open;
  for (const item of items) {
    yield mark;
    yield* piecesOf(item);
    mark = ",";
  }
  yield mark === open ? open + close : close;
}

/** If a cut separates a pair of surrogates, each half is escaped; any reader joins them. */
function* textPieces(text: Iterable<string>): Generator<string> {
  yield '"';
  for (const part of text) {
    for (let at = 0; at < part.length; at += PIECE_LENGTH) {
      yield JSON.stringify(part.slice(at, at + PIECE_LENGTH)).slice(1, -1);
    }
  }
  yield '"';
}
