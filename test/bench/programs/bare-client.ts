/**
 * The smallest possible controller: dials, lets the chain be verified, asks, reads the answer.
 *
 *   bare-client <folder> <hosts> <port> <requests> <parallel> <path> [keep] [unkept]
 *
 * Requests go round the hosts, a connection each, or with `keep` one connection for all requests of
 * a worker. Each has a request id of its own; with `unkept` one by which an agent cannot keep a run, and runs it
 * as 1.0 did. Prints {"ms", "latencies"} as JSON; ends with 1 when any request failed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Socket, TLSOptions } from "bun";
import { hostAddress } from "../hosts.ts";

/** More than this many handshakes at once starve each other in Bun 1.4. */
const MAX_HANDSHAKES = 8;

async function main(args: readonly string[]): Promise<number> {
  const [folder = "", hosts = "1", port = "0", requests = "1", parallel = "1", path = "/"] = args;
  const keep = args.includes("keep");
  const read = (name: string) => readFileSync(join(folder, "control", name));
  const client = new Client(
    { cert: read("ctrl-exec.crt"), key: read("ctrl-exec.key"), ca: read("ca.crt") },
    Number(port),
    requestText(path, keep, args.includes("unkept") ? UNKEPT : REQID),
  );
  const latencies: number[] = [];
  let next = 0;
  const started = performance.now();
  const worker = async () => {
    let kept: Answers | undefined;
    while (next < Number(requests)) {
      const host = hostAddress(next++ % Number(hosts));
      const begun = performance.now();
      kept ??= await client.dial(host);
      await kept.ask();
      latencies.push(performance.now() - begun);
      if (!keep) {
        kept.close();
        kept = undefined;
      }
    }
    kept?.close();
  };
  await Promise.all(Array.from({ length: Number(parallel) }, worker));
  const ms = performance.now() - started;
  process.stdout.write(JSON.stringify({ ms, latencies }));
  return 0;
}

/** 16 hexadecimal digits, which each request replaces by its own. */
const REQID = "0".repeat(16);
const UNKEPT = "x".repeat(16);

/** Of this process; another digit for each request. */
const FIRST_ID = Date.now() * 1000;
let asked = 0;

function nextId(): string {
  return (FIRST_ID + asked++).toString(16).padStart(16, "0");
}

function requestText(path: string, keep: boolean, reqid: string): string {
  const body = `{"script":"true","args":[],"reqid":"${reqid}","username":"bench"}`;
  return [
    `POST ${path} HTTP/1.1`,
    "Host: bench",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    ...(keep ? [] : ["Connection: close"]),
    "",
    body,
  ].join("\r\n");
}

class Client {
  readonly #tls: TLSOptions;
  readonly #port: number;
  readonly #request: string;
  readonly #waiting: (() => void)[] = [];
  #free = MAX_HANDSHAKES;

  constructor(credential: TLSOptions, port: number, request: string) {
    // The chain is asked for below; the certificates name the hosts, which are dialled by address.
    this.#tls = { ...credential, rejectUnauthorized: false };
    this.#port = port;
    this.#request = request;
  }

  async dial(hostname: string): Promise<Answers> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const { promise, resolve, reject } = Promise.withResolvers<Answers>();
    const data = new Answers(this.#request);
    try {
      await Bun.connect<Answers>({
        hostname,
        port: this.#port,
        tls: this.#tls,
        data,
        socket: {
          handshake(socket, _, problem) {
            data.socket = socket;
            const code = problem !== null && "code" in problem ? problem.code : undefined;
            if (socket.authorized || code === "ERR_TLS_CERT_ALTNAME_INVALID") resolve(data);
            else reject(problem);
          },
          data: (_, chunk) => data.take(chunk),
          close: () => data.closed(),
        },
      });
      return await promise;
    } finally {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#free += 1;
      else waiting();
    }
  }
}

/** One connection's answers. */
class Answers {
  readonly #request: string;
  socket: Socket<Answers> | undefined;
  #answer = "";
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(request: string) {
    this.#request = request;
  }

  async ask(): Promise<void> {
    this.#answer = "";
    this.#waiting = Promise.withResolvers();
    this.socket?.write(this.#request.replace(REQID, nextId()));
    await this.#waiting.promise;
  }

  take(chunk: Buffer): void {
    this.#answer += chunk.toString("latin1");
    const length = /content-length: (\d+)/i.exec(this.#answer)?.[1];
    const end = this.#answer.indexOf("\r\n\r\n");
    if (end < 0 || length === undefined || this.#answer.length < end + 4 + Number(length)) return;
    if (this.#answer.startsWith("HTTP/1.1 200 ")) this.#waiting?.resolve();
    else this.#waiting?.reject(new Error(this.#answer.slice(0, 200)));
  }

  closed(): void {
    this.#waiting?.reject(new Error("closed without an answer"));
  }

  close(): void {
    this.socket?.close();
  }
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (thrown) => {
    console.error(thrown);
    process.exit(1);
  },
);
