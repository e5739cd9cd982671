/**
 * Reads JSON that arrives in pieces. A long text in it, a script's output, is decoded as it arrives and never
 * held as bytes, JSON and text at once; only the rest is kept until the end and then parsed.
 *
 * The rest has a placeholder for each long text, because JSON.parse takes its input in one piece. Without placeholders
 * this file would have to parse all of JSON itself, and as strictly as JSON.parse does: it comes from another host.
 */
import { CtrlExecError } from "../errors.ts";
import { formatBytes } from "../units.ts";
import { PiecedText } from "./pieced-text.ts";

/** A text of at least this many characters is kept apart from the rest, as a PiecedText. */
const LONG = 65_536;

/** Characters that are decoded at once; with smaller pieces, some of the memory is never freed. */
const PIECE_LENGTH = 2 ** 20;

interface Text {
  /** The part, still as JSON, that has not been decoded yet. */
  raw: string;
  readonly decoded: PiecedText;
  /** Its content is not needed, and not kept. */
  readonly skipped: boolean;
}

export class JsonReader {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #maxRest: number;
  readonly #longFrom: number;
  readonly #skipped: ReadonlySet<string>;
  /** All input, while it is so short that no text in it can be long; undefined afterwards. */
  #short: string | undefined = "";
  /** The JSON, with a placeholder for each long text. */
  #rest = "";
  /** What has arrived of the text being read; undefined outside of a text. */
  #text: Text | undefined;
  /** The text before, while only a colon has followed: the name of the member being read. */
  #member = "";
  /** The beginning of an escape whose end has not arrived. */
  #held = "";
  readonly #long = new Map<string, PiecedText>();
  /** Bytes of the long texts before the one being read. */
  #longHeld = 0;
  /** The sender cannot know it, so it cannot send a placeholder. */
  #secret = "";
  #isJson = true;

  /**
   * @param maxRest most characters accepted outside long texts (T29)
   * @param longFrom characters from which a text is a long one
   * @param skipped members whose text is not needed: empty, unless the JSON is so short that no text can be long
   */
  constructor(maxRest: number, longFrom = LONG, skipped: Iterable<string> = []) {
    this.#skipped = new Set(skipped);
    this.#maxRest = maxRest;
    this.#longFrom = longFrom;
  }

  /** Bytes of memory held so far. */
  get held(): number {
    const text = this.#text === undefined ? 0 : this.#text.raw.length + this.#text.decoded.held;
    return (this.#short ?? this.#rest).length + this.#longHeld + text;
  }

  /** @throws CtrlExecError `too-large` beyond `maxRest` */
  take(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The value, with long texts as PiecedText; undefined if it was not JSON. */
  end(): unknown {
    this.#take(this.#decoder.decode());
    try {
      if (this.#short !== undefined) return JSON.parse(this.#short);
      return this.#text === undefined && this.#isJson ? this.#parse() : undefined;
    } catch {
      return undefined;
    }
  }

  #take(json: string): void {
    if (this.#short === undefined) {
      this.#scan(json);
      return;
    }
    const all = this.#short + json;
    this.#short = all.length <= Math.min(this.#longFrom, this.#maxRest) ? all : undefined;
    if (this.#short === undefined) this.#scan(all);
  }

  #parse(): unknown {
    if (this.#long.size === 0) return JSON.parse(this.#rest);
    return JSON.parse(this.#rest, (_, value: unknown) =>
      typeof value === "string" ? (this.#long.get(value) ?? value) : value,
    );
  }

  /** False as soon as no further input can make it JSON. */
  get isJson(): boolean {
    return this.#isJson;
  }

  #scan(more: string): void {
    if (!this.#isJson) return;
    const json = this.#held + more;
    this.#held = "";
    for (let at = 0; at < json.length; ) {
      const quote = nextQuote(json, at);
      const end = quote < 0 ? json.length : quote;
      if (this.#text === undefined) this.#betweenTexts(json.slice(at, end));
      else this.#addToText(json.slice(at, end), quote < 0);
      if (quote >= 0) this.#turn();
      at = end + 1;
    }
  }

  /** At a quotation mark. */
  #turn(): void {
    const text = this.#text;
    if (text === undefined) {
      const skipped = this.#skipped.has(this.#member);
      this.#text = { raw: "", decoded: new PiecedText(), skipped };
      return;
    }
    this.#text = undefined;
    this.#member = text.raw;
    if (text.decoded.length === 0 && text.raw.length < this.#longFrom) {
      this.#keep(`"${text.raw}"`);
      return;
    }
    this.#decode(text);
    this.#secret ||= crypto.randomUUID();
    const placeholder = `${this.#secret} ${this.#long.size}`;
    this.#long.set(placeholder, text.decoded);
    this.#longHeld += text.decoded.held;
    this.#keep(JSON.stringify(placeholder));
  }

  #betweenTexts(json: string): void {
    if (/[^\s:]/.test(json)) this.#member = "";
    this.#keep(json);
  }

  #addToText(raw: string, goesOn: boolean): void {
    const text = this.#text;
    if (text === undefined) return;
    const end = goesOn ? raw.length - unfinishedEscape(raw) : raw.length;
    this.#held = raw.slice(end);
    if (!text.skipped) text.raw += raw.slice(0, end);
    if (text.raw.length >= PIECE_LENGTH) this.#decode(text);
  }

  #decode(text: Text): void {
    try {
      const decoded: string = JSON.parse(`"${text.raw}"`);
      text.decoded.add(decoded);
    } catch {
      this.#isJson = false;
    }
    text.raw = "";
  }

  #keep(json: string): void {
    this.#rest += json;
    if (this.#rest.length > this.#maxRest) {
      const problem = `holds more than ${formatBytes(this.#maxRest)} besides its long texts`;
      throw new CtrlExecError("too-large", problem);
    }
  }
}

/**
 * Where a text begins or ends, searching from a position that no backslash before it affects. Outside of texts, JSON
 * has no backslashes.
 */
function nextQuote(json: string, start: number): number {
  let quote = json.indexOf('"', start);
  while (quote >= 0 && backslashesBefore(json, quote, start) % 2 === 1) {
    quote = json.indexOf('"', quote + 1);
  }
  return quote;
}

function backslashesBefore(json: string, end: number, start: number): number {
  let at = end;
  while (at > start && json.charCodeAt(at - 1) === BACKSLASH) at -= 1;
  return end - at;
}

const BACKSLASH = 0x5c;

/** Longest escape: a backslash, `u` and four digits. */
const ESCAPE_LENGTH = 6;

/** How many of the last characters are an incomplete escape. */
function unfinishedEscape(raw: string): number {
  const tail = raw.slice(-ESCAPE_LENGTH + 1);
  const last = tail.lastIndexOf("\\");
  if (last < 0) return 0;
  const length = tail.length - last;
  const start = raw.length - length;
  if (backslashesBefore(raw, start + 1, 0) % 2 === 0) return 0;
  const wanted = raw[start + 1] === "u" ? ESCAPE_LENGTH : 2;
  return length < wanted ? length : 0;
}
