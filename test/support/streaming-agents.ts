/** Agents that answer a run with the stream that a test dictates: as many as there are addresses in 127.0.0.0/8. */
import type { TLSSocket } from "node:tls";
import type { RunEnding, RunEvent } from "../../src/core/run-event.ts";
import { LAST_CHUNK } from "../../src/core/wire/chunks.ts";
import { FRAMES_TYPE, framePieces } from "../../src/core/wire/frames.ts";
import { chunkOf } from "./chunks.ts";
import { FakeAgent, jsonAnswer } from "./fake-agent.ts";
import type { TestAgent } from "./fleet.ts";
import { until } from "./folder.ts";

const HEAD = [
  "HTTP/1.1 200 OK",
  `Content-Type: ${FRAMES_TYPE}`,
  "Transfer-Encoding: chunked",
  "",
  "",
].join("\r\n");

const STARTED = "2026-11-29T08:00:00Z";

export class StreamingAgents implements Disposable {
  readonly #fake: FakeAgent;
  readonly #runs: Map<string, StreamedRun>;

  private constructor(fake: FakeAgent, runs: Map<string, StreamedRun>) {
    this.#fake = fake;
    this.#runs = runs;
  }

  /**
   * Listens on the agent's port, on every address.
   *
   * @param play what each host does with a run; undefined if run() is asked for each
   */
  static async start(
    agent: TestAgent,
    play?: (address: string, run: StreamedRun) => void,
  ): Promise<StreamingAgents> {
    const runs = new Map<string, StreamedRun>();
    const answer = (socket: TLSSocket, request: string) => {
      const body = request.slice(request.indexOf("\r\n\r\n") + 4);
      const address = socket.localAddress ?? "";
      const run = new StreamedRun(socket, JSON.parse(body));
      if (play === undefined) runs.set(address, run);
      else play(address, run);
    };
    return new StreamingAgents(await FakeAgent.start(agent, answer, "0.0.0.0"), runs);
  }

  /** The next run that the host is asked for, begun. */
  async run(address: string): Promise<StreamedRun> {
    await until(`${address} is asked`, () => this.#runs.has(address));
    const run = this.#runs.get(address) as StreamedRun;
    this.#runs.delete(address);
    return run;
  }

  /** How many were made so far. */
  get connections(): number {
    return this.#fake.connections;
  }

  [Symbol.dispose](): void {
    this.#fake[Symbol.dispose]();
  }
}

interface AskedRun {
  readonly reqid: string;
  readonly script: string;
  readonly stream?: unknown;
}

/** One that was not asked for a stream gives the result at its end, like any agent. */
export class StreamedRun {
  readonly reqid: string;
  readonly #socket: TLSSocket;
  readonly #asked: AskedRun;
  readonly #printed = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  readonly #length = { stdout: 0, stderr: 0 };

  constructor(socket: TLSSocket, asked: AskedRun) {
    const { reqid, script } = asked;
    this.reqid = reqid;
    this.#socket = socket;
    this.#asked = asked;
    if (this.#streams) socket.write(HEAD);
    this.send({ kind: "begin", reqid, script, started: STARTED });
  }

  print(content: string | Uint8Array, stream: "stdout" | "stderr" = "stdout"): void {
    const bytes = Buffer.from(content as string);
    if (!this.#streams) this.#printed[stream].push(bytes);
    this.send({ kind: "output", stream, offset: this.#length[stream], bytes });
    this.#length[stream] += bytes.length;
  }

  end(how: Partial<RunEnding> = {}): void {
    if (!this.#streams) {
      this.#socket.end(jsonAnswer(this.#result(how)));
      return;
    }
    const { stdout: stdout_bytes, stderr: stderr_bytes } = this.#length;
    const times = { started: STARTED, ended: STARTED };
    const end = { state: "ended", exit: 0, ...times, stdout_bytes, stderr_bytes, ...how } as const;
    this.send({ kind: "end", end });
    this.#socket.end(LAST_CHUNK);
  }

  /** Resolves when the control host has hung up. */
  get closed(): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve();
    return new Promise((done) => this.#socket.once("close", () => done()));
  }

  /** Whether the control host has hung up. */
  get left(): boolean {
    return this.#socket.destroyed;
  }

  /** Bytes that the control host has not taken yet. */
  get waiting(): number {
    return this.#socket.writableLength;
  }

  send(event: RunEvent): void {
    if (!this.#streams) return;
    for (const piece of framePieces(event))
      if (piece.length > 0) this.#socket.write(chunkOf([piece]));
  }

  get #streams(): boolean {
    return this.#asked.stream === 1;
  }

  #result(how: Partial<RunEnding>): object {
    const { script, reqid } = this.#asked;
    const [stdout, stderr] = [this.#printed.stdout, this.#printed.stderr].map((pieces) =>
      Buffer.concat(pieces),
    );
    const b64 = { stdout_b64: stdout?.toString("base64"), stderr_b64: stderr?.toString("base64") };
    const text = { stdout: `${stdout}`, stderr: `${stderr}` };
    return { script, exit: 0, ...text, reqid, ...b64, state: "ended", ...how };
  }
}
