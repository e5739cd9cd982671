/** Reads an event stream as the HTML standard has it (section 9.2), and goes on with the last id, as a browser does. */

export interface EventMessage {
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export class EventClient {
  readonly messages: EventMessage[] = [];
  /** Every line that was a comment. */
  comments = 0;
  lastId = "";
  readonly #path: string;
  readonly #headers: Readonly<Record<string, string>>;
  #leaving = new AbortController();
  #reading: Promise<void> = Promise.resolve();
  readonly #waiters = new Set<() => void>();

  constructor(path: string, headers: Readonly<Record<string, string>> = {}) {
    this.#path = path;
    this.#headers = headers;
  }

  /** Connects to a server; once more if it did before. */
  async connect(origin: string): Promise<Response> {
    this.#leaving = new AbortController();
    const id = this.lastId === "" ? {} : { "Last-Event-ID": this.lastId };
    const response = await fetch(origin + this.#path, {
      headers: { Accept: "text/event-stream", ...this.#headers, ...id },
      signal: this.#leaving.signal,
      tls: { rejectUnauthorized: false },
    });
    this.#reading = this.#read(response).catch(() => undefined);
    return response;
  }

  /** Resolves when the server has ended the stream, or it broke. */
  async ended(): Promise<void> {
    await this.#reading;
  }

  /** Hangs up, in the middle of whatever comes. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.#reading;
  }

  /** Waits for a message that fits. */
  async seen(fits: (data: EventMessage["data"]) => boolean): Promise<EventMessage> {
    for (;;) {
      const found = this.messages.find(({ data }) => fits(data));
      if (found !== undefined) return found;
      await this.#more();
    }
  }

  /** Waits until so many have come. */
  async counted(count: number): Promise<void> {
    while (this.messages.length < count) await this.#more();
  }

  /** Waits for a comment. */
  async commented(): Promise<void> {
    const before = this.comments;
    while (this.comments === before) await this.#more();
  }

  get events(): unknown[] {
    return this.messages.map(({ data }) => data.event);
  }

  /** The bytes of a host's stream. Fails if one comes twice, or is missing. */
  bytes(stream: "stdout" | "stderr", host = "web-01", reqid?: string): Buffer {
    const pieces: Buffer[] = [];
    let next = 0;
    for (const { data } of this.messages) {
      if (data.event !== stream || data.host !== host) continue;
      if (reqid !== undefined && data.reqid !== reqid) continue;
      if (data.offset !== next) throw new Error(`${stream} ${data.offset} came, not ${next}`);
      const text = typeof data.data === "string" ? data.data : undefined;
      const piece =
        text === undefined ? Buffer.from(String(data.data_b64), "base64") : Buffer.from(text);
      pieces.push(piece);
      next += piece.length;
    }
    return Buffer.concat(pieces);
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    await promise;
    this.#waiters.delete(resolve);
  }

  async #read(response: Response): Promise<void> {
    if (response.status !== 200 || response.body === null) return;
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split("\n\n");
      // What is not complete is not a message.
      text = blocks.pop() ?? "";
      for (const block of blocks) this.#take(block);
      for (const wake of this.#waiters) wake();
    }
  }

  #take(block: string): void {
    if (block.startsWith(":")) this.comments += 1;
    const fields = new Map(
      block.split("\n").map((line) => {
        const [, name = "", value = ""] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        return [name, value];
      }),
    );
    const data = fields.get("data");
    if (data === undefined) return;
    this.lastId = fields.get("id") ?? this.lastId;
    this.messages.push({ id: this.lastId, data: JSON.parse(data) });
  }
}
