/** ctrl-exec-api of a test's control host, and how to talk to it. */
import { connect } from "node:net";
import { Running, type RunOptions } from "./binary.ts";
import type { ControlHost } from "./fleet.ts";
import { parseFields } from "./log-socket.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The answer's JSON; undefined if it has none. */
  readonly json: unknown;
  readonly text: string;
}

export class TestApi implements AsyncDisposable {
  readonly running: Running;
  readonly port: number;
  readonly #scheme: string;

  private constructor(running: Running, port: number, scheme: string) {
    this.running = running;
    this.port = port;
    this.#scheme = scheme;
  }

  /** Starts it; the control host's configuration should have `api_port = 0`. */
  static async start(
    host: ControlHost,
    scheme: "http" | "https" = "http",
    env: Readonly<Record<string, string>> = {},
    options: RunOptions = {},
  ): Promise<TestApi> {
    const args = ["--config", host.config, "--log", "stderr"];
    const running = Running.service("ctrl-exec-api", args, { ...options, env });
    const [, port] = await running.seen(/ACTION=api-start BIND=\S+ PORT=(\d+)/);
    return new TestApi(running, Number(port), scheme);
  }

  url(path: string): string {
    return `${this.#scheme}://127.0.0.1:${this.port}${path}`;
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiAnswer> {
    const response = await fetch(this.url(path), {
      method,
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      tls: { rejectUnauthorized: false },
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: jsonOf(text), text };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<ApiAnswer> {
    return this.ask("GET", path, undefined, headers);
  }

  post(
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiAnswer> {
    return this.ask("POST", path, body, headers);
  }

  /** The log lines of an action so far, as their fields. */
  logged(action: string): Record<string, string>[] {
    const lines = this.running.err.split("\n").flatMap((line) => {
      const [, text] = /^ctrl-exec\[\d+\]: (ACTION=.*)$/.exec(line) ?? [];
      return text === undefined ? [] : [parseFields(text)];
    });
    return lines.filter((fields) => fields.ACTION === action);
  }

  /** Sends raw bytes and returns everything that is received until the connection is closed. */
  async raw(bytes: string | Uint8Array): Promise<string> {
    const socket = connect({ port: this.port, host: "127.0.0.1" });
    const { promise, resolve } = Promise.withResolvers<string>();
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(received));
    socket.write(bytes);
    return await promise;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    return await this.running.stop(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
