/**
 * The smallest possible controller: dials, lets the chain be verified, asks, reads the answer.
 *
 *   bare-client <folder> <hosts> <port> <requests> <parallel> <path> [keep]
 *
 * Requests go round the hosts, a connection each, or with `keep` one connection for all requests of
 * a worker. Prints {"ms", "latencies"} as JSON; ends with 1 when any request failed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, createSecureContext, type TLSSocket } from "node:tls";
import { hostAddress } from "../hosts.ts";

/** More than this many handshakes at once starve each other in Bun 1.4. */
const MAX_HANDSHAKES = 8;

async function main(args: readonly string[]): Promise<number> {
  const [folder = "", hosts = "1", port = "0", requests = "1", parallel = "1", path = "/", keep] =
    args;
  const read = (name: string) => readFileSync(join(folder, "control", name));
  const client = new Client(
    createSecureContext({
      cert: read("ctrl-exec.crt"),
      key: read("ctrl-exec.key"),
      ca: read("ca.crt"),
    }),
    Number(port),
    requestText(path, keep !== undefined),
  );
  const latencies: number[] = [];
  let next = 0;
  const started = performance.now();
  const worker = async () => {
    let kept: TLSSocket | undefined;
    while (next < Number(requests)) {
      const host = hostAddress(next++ % Number(hosts));
      const begun = performance.now();
      kept ??= await client.dial(host);
      await client.ask(kept);
      latencies.push(performance.now() - begun);
      if (keep === undefined) {
        kept.destroy();
        kept = undefined;
      }
    }
    kept?.destroy();
  };
  await Promise.all(Array.from({ length: Number(parallel) }, worker));
  const ms = performance.now() - started;
  process.stdout.write(JSON.stringify({ ms, latencies }));
  return 0;
}

function requestText(path: string, keep: boolean): string {
  const body = '{"script":"true","args":[],"reqid":"00000000000000aa","username":"bench"}';
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
  readonly #context: ReturnType<typeof createSecureContext>;
  readonly #port: number;
  readonly #request: string;
  readonly #waiting: (() => void)[] = [];
  #free = MAX_HANDSHAKES;

  constructor(context: ReturnType<typeof createSecureContext>, port: number, request: string) {
    this.#context = context;
    this.#port = port;
    this.#request = request;
  }

  async dial(host: string): Promise<TLSSocket> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect({
      host,
      port: this.#port,
      secureContext: this.#context,
      rejectUnauthorized: true,
      checkServerIdentity: () => undefined,
    });
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    try {
      await promise;
      return socket;
    } finally {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#free += 1;
      else waiting();
    }
  }

  async ask(socket: TLSSocket): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let answer = "";
    const onData = (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      const length = /content-length: (\d+)/i.exec(answer)?.[1];
      const end = answer.indexOf("\r\n\r\n");
      if (end < 0 || length === undefined || answer.length < end + 4 + Number(length)) return;
      if (answer.startsWith("HTTP/1.1 200 ")) resolve();
      else reject(new Error(answer.slice(0, 200)));
    };
    const onClose = () => reject(new Error("closed without an answer"));
    socket.on("data", onData);
    socket.once("close", onClose);
    socket.write(this.#request);
    try {
      await promise;
    } finally {
      socket.off("data", onData);
      socket.off("close", onClose);
    }
  }
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (thrown) => {
    console.error(thrown);
    process.exit(1);
  },
);
