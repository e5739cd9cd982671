/** One output of a run under way: short ones stay in memory, long ones go into a file. */
import type { FileHandle } from "node:fs/promises";
import type { OutputStream } from "../../core/run-event.ts";
import { SecretMask } from "../../core/secret-mask.ts";
import { Utf8Check } from "../../core/utf8-check.ts";
import { BytesText } from "../../core/wire/bytes-text.ts";
import type { LongText } from "../../core/wire/json-pieces.ts";
import { INLINE_BYTES, OutputFile } from "./output-file.ts";

export interface OpenOutput {
  readonly file: FileHandle;
  readonly path: string;
}

interface KeptStream {
  readonly text: string | LongText;
  readonly base64: string | LongText | undefined;
  readonly bytes: number;
  /** How many more were taken. */
  readonly lost: number;
}

/** What all outputs of a run share. */
export interface OutputRoom {
  /** Nothing more is written. */
  readonly closed: boolean;
  /** @throws CtrlExecError `storage` */
  create(position: number, stream: OutputStream): Promise<OpenOutput>;
  /** Never rejects. */
  closeFile(file: FileHandle): Promise<void>;
  /** How many of this many bytes may be written. @throws CtrlExecError `storage` */
  room(bytes: number): Promise<number>;
  /** Called when some of it is not kept, with the reason. */
  leftOut(why: unknown): void;
}

/** One stream: kept as it is while it is short, and from then on in a file, without the token. */
export class OutputWriter {
  readonly #outputs: OutputRoom;
  readonly #position: number;
  readonly #stream: OutputStream;
  readonly #mask: SecretMask;
  readonly #utf8 = new Utf8Check();
  #short: BytesText | undefined = new BytesText();
  #open: OpenOutput | undefined;
  #taken = 0;
  #bytes = 0;
  /** Once something was left out, everything that follows is: a file is a beginning, without gaps. */
  #full = false;

  constructor(outputs: OutputRoom, token: string, position: number, stream: OutputStream) {
    this.#outputs = outputs;
    this.#position = position;
    this.#stream = stream;
    this.#mask = new SecretMask(token);
  }

  /** Bytes in memory. */
  get held(): number {
    return this.#short?.length ?? 0;
  }

  /** Whether this many more bytes would stay in memory. */
  holds(bytes: number): boolean {
    return this.#short !== undefined && this.#short.length + bytes <= INLINE_BYTES;
  }

  /** @param mayHold false if there is no memory for it. Never rejects. */
  async take(bytes: Uint8Array, mayHold: boolean): Promise<void> {
    this.#taken += bytes.length;
    if (mayHold && this.holds(bytes.length)) {
      this.#short?.add(bytes);
      return;
    }
    const short = this.#short;
    this.#short = undefined;
    for (const piece of short?.chunks() ?? []) await this.#write(this.#mask.take(piece));
    await this.#write(this.#mask.take(bytes));
  }

  async end(): Promise<KeptStream> {
    const short = this.#short;
    if (short !== undefined) {
      return { text: short.text(), base64: short.base64(), bytes: short.length, lost: 0 };
    }
    // It is not known whether more was printed: better a mark over the last letter than half a token (T27).
    await this.#write(this.#mask.end(true));
    if (this.#open !== undefined) await this.#outputs.closeFile(this.#open.file);
    const kept = { bytes: this.#bytes, lost: this.#taken - this.#bytes };
    if (this.#open === undefined || this.#bytes === 0) {
      return { text: "", base64: undefined, ...kept };
    }
    const text = new OutputFile(this.#open.path, this.#bytes);
    return { text, base64: this.#utf8.isUtf8 ? undefined : text.base64(), ...kept };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#full || this.#outputs.closed || bytes.length === 0) return;
    try {
      this.#open ??= await this.#outputs.create(this.#position, this.#stream);
      const room = await this.#outputs.room(bytes.length);
      if (room < bytes.length) this.#full = true;
      for (let rest = bytes.subarray(0, room); rest.length > 0; ) {
        const { bytesWritten } = await this.#open.file.write(rest);
        this.#utf8.take(rest.subarray(0, bytesWritten));
        this.#bytes += bytesWritten;
        rest = rest.subarray(bytesWritten);
      }
    } catch (thrown) {
      this.#full = true;
      this.#outputs.leftOut(thrown);
    }
  }
}
