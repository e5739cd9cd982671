/** Long outputs of a run under way, on their way into files beside its record, within the budget (T69). */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import type { ReplyShare } from "../../core/reply-budget.ts";
import type { OutputStream } from "../../core/run-event.ts";
import { formatBytes } from "../../core/units.ts";
import { ensureFolder, fileError } from "../../system/files/files.ts";
import type { StoreContext } from "./host.ts";
import { outputFolder, outputName } from "./output-file.ts";
import { useFolder } from "./output-folder-lock.ts";
import { type OpenOutput, type OutputRoom, OutputWriter } from "./output-writer.ts";
import { paths } from "./paths.ts";
import type { HostOutput, KeptOutput, RunFacts } from "./ports/runs.ts";
import { longestRecord, RECORD_MODE } from "./record-file.ts";
import { takeSpace } from "./record-space.ts";

/** This part of what a run may take up is for the record itself. */
const RECORD_SHARE = 4;

/** All outputs of one run. */
export class RunOutputs implements OutputRoom {
  readonly #context: StoreContext;
  readonly #facts: Pick<RunFacts, "reqid" | "hosts" | "token">;
  readonly #folder: string;
  readonly #nameOf: (path: string) => string;
  #left: number;
  readonly #open = new Set<FileHandle>();
  #release: (() => void) | undefined;
  #closed = false;
  #written = 0;
  #isWhole = true;

  /** @param nameOf the name of a file while it is being written */
  constructor(
    context: StoreContext,
    facts: Pick<RunFacts, "reqid" | "hosts" | "token">,
    nameOf = (path: string) => path,
  ) {
    this.#nameOf = nameOf;
    this.#context = context;
    this.#facts = facts;
    this.#folder = outputFolder(context.config, facts.reqid);
    const most = longestRecord(context.config);
    this.#left = most - Math.ceil(most / RECORD_SHARE);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes in files. */
  get written(): number {
    return this.#written;
  }

  /** Whether nothing was left out. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  of(host: string, share?: ReplyShare): HostOutput {
    const position = this.#facts.hosts.indexOf(host);
    const make = (stream: OutputStream) =>
      new OutputWriter(this, this.#facts.token, position, stream);
    return new OutputOfHost(make("stdout"), make("stderr"), share);
  }

  /** Nothing more is written, not even for a host that was given up. */
  close(): void {
    this.#closed = true;
    for (const file of this.#open) void this.closeFile(file);
    this.#release?.();
    this.#release = undefined;
  }

  /** Never rejects. */
  async closeFile(file: FileHandle): Promise<void> {
    this.#open.delete(file);
    await file.close().catch((thrown) => this.leftOut(thrown));
  }

  /** @throws CtrlExecError `storage` */
  async create(position: number, stream: OutputStream): Promise<OpenOutput> {
    const { config } = this.#context;
    const name = outputName(this.#facts.reqid, position, stream);
    const path = this.#nameOf(join(paths(config).runs, name));
    try {
      if (this.#release === undefined) {
        ensureFolder(this.#folder, 0o750);
        this.#release = useFolder(this.#folder);
      }
      const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
      const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK;
      const file = await open(path, flags, RECORD_MODE);
      this.#open.add(file);
      // The run was given up in the meantime.
      if (this.#closed) await this.closeFile(file);
      await file.chmod(RECORD_MODE);
      return { file, path };
    } catch (thrown) {
      throw fileError("storage", "write", path, thrown);
    }
  }

  /** How many of this many bytes may be written. @throws CtrlExecError `storage` */
  async room(bytes: number): Promise<number> {
    const wanted = Math.min(bytes, this.#left);
    const { run_records_max: max } = this.#context.config;
    if (wanted < bytes) this.leftOut(`more than half of run_records_max (${formatBytes(max)})`);
    this.#left -= wanted;
    if (await takeSpace(this.#context, wanted)) {
      this.#written += wanted;
      return wanted;
    }
    this.leftOut(`other runs under way take all of run_records_max (${formatBytes(max)})`);
    return 0;
  }

  /** Some of the output is not kept. Logged once: a disk that is full for one host is full for all. */
  leftOut(why: unknown): void {
    if (!this.#isWhole || this.#closed) return;
    this.#isWhole = false;
    const error =
      typeof why === "string" ? `Cannot keep all of the output: ${why}` : messageOf(why);
    this.#context.log({ event: "run-store-fail", error, reqid: this.#facts.reqid });
  }
}

class OutputOfHost implements HostOutput {
  readonly #writers: Readonly<Record<OutputStream, OutputWriter>>;
  readonly #share: ReplyShare | undefined;

  constructor(stdout: OutputWriter, stderr: OutputWriter, share: ReplyShare | undefined) {
    this.#writers = { stdout, stderr };
    this.#share = share;
  }

  async take(stream: OutputStream, bytes: Uint8Array): Promise<void> {
    const { stdout, stderr } = this.#writers;
    const writer = this.#writers[stream];
    const held = stdout.held + stderr.held + (writer.holds(bytes.length) ? bytes.length : 0);
    await writer.take(bytes, this.#share?.hold(held) ?? true);
  }

  async end(): Promise<KeptOutput> {
    const { stdout, stderr } = this.#writers;
    const [out, err] = [await stdout.end(), await stderr.end()];
    return {
      stdout: out.text,
      stderr: err.text,
      ...(out.base64 === undefined ? {} : { stdout_b64: out.base64 }),
      ...(err.base64 === undefined ? {} : { stderr_b64: err.base64 }),
      bytes: { stdout: out.bytes, stderr: err.bytes },
      lost: { stdout: out.lost, stderr: err.lost },
    };
  }
}
