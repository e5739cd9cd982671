/** An agent that answers each request with the next of the answers that a test has put down. */
import type { AddressInfo } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { FleetDialler } from "../../src/controller/fleet/fan-out.ts";
import { parseControllerConfig } from "../../src/core/config/controller-config.ts";
import { ReplyBudget } from "../../src/core/reply-budget.ts";
import { Semaphore } from "../../src/core/semaphore.ts";
import { readSerialLine } from "../../src/core/serial.ts";
import { ReadPace } from "../../src/system/net/read-pace.ts";
import type { HostCredential } from "./authority.ts";
import type { PeerCredential } from "./peers.ts";

export type PlayedAnswer = (socket: TLSSocket) => void;

export interface AskedRequest {
  /** `POST /run` */
  readonly what: string;
  readonly head: string;
  readonly body: string;
}

export class PlayedAgent implements Disposable {
  answers: PlayedAnswer[] = [];
  readonly asked: AskedRequest[] = [];
  connections = 0;
  onConnection: (socket: TLSSocket) => void = () => undefined;
  readonly #server: Server;
  readonly #open = new Set<TLSSocket>();

  private constructor({ cert, key, ca }: PeerCredential) {
    const client = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
    this.#server = createServer({ cert, key, ...client }, (socket) => this.#serve(socket));
    this.#server.on("tlsClientError", () => undefined);
  }

  static async start(credential: PeerCredential): Promise<PlayedAgent> {
    const agent = new PlayedAgent(credential);
    await new Promise<void>((listening) => agent.#server.listen(0, "127.0.0.1", listening));
    return agent;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(socket: TLSSocket): void {
    this.connections += 1;
    this.#open.add(socket);
    this.onConnection(socket);
    let heard = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      heard += chunk.toString("utf8");
      const [head = "", body] = heard.split("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body === undefined || body.length < length) return;
      heard = "";
      this.asked.push({ what: head.split(" HTTP")[0] ?? "", head, body });
      this.answers.shift()?.(socket);
    });
  }

  [Symbol.dispose](): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }
}

/** An answer after which the connection may be used again. */
export function kept(json: unknown, status = "200 OK"): PlayedAnswer {
  return (socket) => void socket.write(httpText(json, status, "Keep-Alive: timeout=60\r\n"));
}

/** The last answer on a connection. */
export function last(json: unknown, status = "200 OK"): PlayedAnswer {
  return (socket) => void socket.end(httpText(json, status, "Connection: close\r\n"));
}

export const hangUp: PlayedAnswer = (socket) => void socket.destroy();
export const saysNothing: PlayedAnswer = () => undefined;

function httpText(json: unknown, status: string, headers: string): string {
  const body = typeof json === "string" ? json : JSON.stringify(json);
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}

/** What dials such an agent, under the credential. @param lines of ctrl-exec.conf */
export async function diallerOf(credential: HostCredential, lines = ""): Promise<FleetDialler> {
  return {
    config: (await parseControllerConfig("/unset", lines)).config,
    credentials: [{ serial: readSerialLine("01") ?? "", credential }],
    revoked: new Set(),
    handshakes: new Semaphore(8),
    pace: new ReadPace(),
    budget: new ReplyBudget(2 ** 20),
    now: () => new Date(),
  };
}
