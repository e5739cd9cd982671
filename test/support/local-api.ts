/** ctrl-exec-api inside the test's own process, for a control host of its own. The port, files and TLS are real. */
import { connect, type Socket } from "node:net";
import { type ApiServer, startApi } from "../../src/api/server.ts";
import type { LogEvent } from "./event-log.ts";
import { LocalFleet } from "./local-fleet.ts";

export interface LocalAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The answer's JSON; undefined if it has none. */
  readonly json: unknown;
  readonly text: string;
}

export class LocalApi implements AsyncDisposable {
  readonly fleet: LocalFleet;
  readonly server: ApiServer;
  readonly #sockets: Socket[] = [];

  private constructor(fleet: LocalFleet, server: ApiServer) {
    this.fleet = fleet;
    this.server = server;
  }

  /**
   * @param lines more lines for ctrl-exec.conf
   * @param drainMs how long requests in flight have when it stops
   */
  static async start(
    lines: readonly string[] = ["api_auth_default = allow"],
    drainMs?: number,
  ): Promise<LocalApi> {
    const fleet = await LocalFleet.create(["api_port = 0", ...lines]);
    return new LocalApi(fleet, await startApi(fleet.controller, drainMs));
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<LocalAnswer> {
    const response = await fetch(`http://127.0.0.1:${this.server.port}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = text.startsWith("{") ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, json, text };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<LocalAnswer> {
    return this.ask("GET", path, undefined, headers);
  }

  post(path: string, body: unknown): Promise<LocalAnswer> {
    return this.ask("POST", path, body);
  }

  /** A connection on which a test writes bytes of its own choice. */
  open(bytes: string | Uint8Array) {
    const socket = connect({ port: this.server.port, host: "127.0.0.1" });
    this.#sockets.push(socket);
    const got = { text: "", closed: false, socket };
    socket.on("data", (chunk) => {
      got.text += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      got.closed = true;
    });
    socket.write(bytes);
    return got;
  }

  logged(action: string): LogEvent["fields"][] {
    return this.fleet.log.of(action).map(({ fields }) => fields);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.server.stop();
    await this.fleet[Symbol.asyncDispose]();
  }
}
