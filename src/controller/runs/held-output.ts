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
    if (this.#tooMuch !== undefined) {
      this.#lost[stream] += bytes.length;
      return;
    }
    const { stdout, stderr } = this.#kept;
    const held = stdout.length + stderr.length + bytes.length;
    const { max_reply, max_replies } = this.#config;
    if (held > max_reply) {
      this.#drop(`it is larger than ${formatBytes(max_reply)} (max_reply in ctrl-exec.conf)`);
    } else if (!this.#share.hold(held)) {
      const left = `too little of ${formatBytes(max_replies)} for the answers of other hosts`;
      this.#drop(`it leaves ${left} (max_replies in ctrl-exec.conf)`);
    } else {
      this.#kept[stream].add(bytes);
      return;
    }
    this.#lost[stream] += bytes.length;
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

  #drop(why: string): void {
    this.#tooMuch = `the output was dropped: ${why}`;
    const { stdout, stderr } = this.#kept;
    this.#lost.stdout += stdout.length;
    this.#lost.stderr += stderr.length;
    this.#kept = { stdout: new BytesText(), stderr: new BytesText() };
    this.#share.giveBack();
  }
}
