/** Somebody to whom notices are sent over HTTP: a real server, whose answers a test chooses. */
import { until } from "./folder.ts";

export const NOTICE_KEY = "0123456789abcdef-a-key";

export interface Received {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export class NoticeReceiver implements Disposable {
  readonly got: Received[] = [];
  /** Of the next answers, from the first on; 200 afterwards. */
  statuses: number[] = [];
  /** Requests are answered when it is resolved. */
  answersAfter: Promise<unknown> = Promise.resolve();
  readonly #server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const body = await request.text();
      const header = (name: string) => request.headers.get(name) ?? "";
      this.got.push({
        id: header("ctrl-exec-notice"),
        timestamp: header("ctrl-exec-timestamp"),
        signature: header("ctrl-exec-signature"),
        body,
        json: JSON.parse(body),
      });
      await this.answersAfter;
      return new Response("thanks", { status: this.statuses.shift() ?? 200 });
    },
  });

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/hook?secret=s3cret`;
  }

  /** The lines of a file of notify.d that names it. */
  file(keyFile: string, ...lines: readonly string[]): string {
    return receiverFile(`url = "${this.url}"`, `key_file = "${keyFile}"`, ...lines);
  }

  async received(count: number): Promise<readonly Received[]> {
    await until(
      () => `${count} notices came; there are ${this.got.length}`,
      () => this.got.length >= count,
    );
    return this.got;
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }
}

export function receiverFile(...lines: readonly string[]): string {
  return receiverOf(["run-failed", "rollout-stopped"], ...lines);
}

export function receiverOf(kinds: readonly string[], ...lines: readonly string[]): string {
  return [`events = ${JSON.stringify(kinds)}`, ...lines, ""].join("\n");
}

/** Whether it was signed with the key, as docs/API.md says how. */
export function isSigned({ timestamp, body, signature }: Received, key = NOTICE_KEY): boolean {
  const digest = new Bun.CryptoHasher("sha256", key).update(`${timestamp}.${body}`).digest("hex");
  return signature === `sha256=${digest}`;
}
