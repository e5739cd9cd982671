/** What a host prints, in memory, for those who wait for the result: within max_reply and max_replies (T29). */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { ReplyShare } from "../../core/reply-budget.ts";
import type { OutputStream } from "../../core/run-event.ts";
import { formatBytes } from "../../core/units.ts";
import { BytesText } from "../../core/wire/bytes-text.ts";
import type { HostOutput, KeptOutput } from "../store/ports/runs.ts";

export class HeldOutput implements HostOutput {
  readonly #config: ControllerConfig;
  readonly #share: ReplyShare;
  #kept = { stdout: new BytesText(), stderr: new BytesText() };
  readonly #lost = { stdout: 0, stderr: 0 };
  /** Why it is not kept. */
  #tooMuch: string | undefined;

  /** @param share of what may be held */
  constructor(config: ControllerConfig, share: ReplyShare) {
    this.#config = config;
    this.#share = share;
  }

  take(stream: OutputStream, bytes: Uint8Array): void {
    const why = this.#tooMuch === undefined ? this.#whyTooMuch(bytes.length) : undefined;
    if (why !== undefined) this.#drop(why);
    if (this.#tooMuch === undefined) this.#kept[stream].add(bytes);
    else this.#lost[stream] += bytes.length;
  }

  async end(): Promise<KeptOutput> {
    const { stdout, stderr } = this.#kept;
    const texts = { stdout: stdout.text(), stderr: stderr.text() };
    const [out, err] = [stdout.base64(), stderr.base64()];
    return {
      ...texts,
      ...(out === undefined ? {} : { stdout_b64: out }),
      ...(err === undefined ? {} : { stderr_b64: err }),
      bytes: { stdout: stdout.length, stderr: stderr.length },
      lost: this.#lost,
      ...(this.#tooMuch === undefined ? {} : { error: this.#tooMuch }),
    };
  }

  /** Undefined if there is room for this many more bytes, which are then held. */
  #whyTooMuch(more: number): string | undefined {
    const { stdout, stderr } = this.#kept;
    const held = stdout.length + stderr.length + more;
    const { max_reply, max_replies } = this.#config;
    if (held > max_reply) {
      return `it is larger than ${formatBytes(max_reply)} (max_reply in ctrl-exec.conf)`;
    }
    if (this.#share.hold(held)) return undefined;
    const left = `too little of ${formatBytes(max_replies)} for the answers of other hosts`;
    return `it leaves ${left} (max_replies in ctrl-exec.conf)`;
  }

  #drop(why: string): void {
    this.#tooMuch = `the output was dropped: ${why}`;
    const { stdout, stderr } = this.#kept;
    this.#lost.stdout += stdout.length;
    this.#lost.stderr += stderr.length;
    this.#kept = { stdout: new BytesText(), stderr: new BytesText() };
    this.#share.giveBack();
  }
}
