/** The other end of a connection, played by the test: false controllers, agents of 0.8, wrong ports. */
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";

export interface PeerCredential {
  readonly cert: string;
  readonly key: string;
  /** Asks for a client certificate of this CA. */
  readonly ca?: string;
}

/** Listens on 127.0.0.1, counts connections and keeps every byte that came. */
export class Peer implements AsyncDisposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #connections = 0;
  #received = Buffer.alloc(0);

  private constructor(server: Server, talk: (socket: Socket, peer: Peer) => void, event: string) {
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.#connections += 1;
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
      socket.on("error", () => undefined);
    });
    server.on("tlsClientError", () => undefined);
    server.on(event, (socket: Socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        this.#received = Buffer.concat([this.#received, chunk]);
      });
      talk(socket, this);
    });
  }

  static async tcp(talk: (socket: Socket, peer: Peer) => void): Promise<Peer> {
    return await new Peer(createTcpServer(), talk, "connection").#listen();
  }

  static async tls(
    { cert, key, ca }: PeerCredential,
    talk: (socket: TLSSocket, peer: Peer) => void,
  ): Promise<Peer> {
    const client = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
    const server = createTlsServer({ cert, key, ...client });
    const handler = (socket: Socket, peer: Peer) => talk(socket as TLSSocket, peer);
    return await new Peer(server, handler, "secureConnection").#listen();
  }

  async #listen(): Promise<this> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    await promise;
    return this;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Everything that came on every connection; inside TLS what was decrypted. */
  get received(): string {
    return this.#received.toString("utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }
}

/** Calls back once with the body of the first request, when it is complete. */
export function onRequest(socket: Socket, answer: (head: string, body: string) => void): void {
  let buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    const before = buffer.length;
    buffer = Buffer.concat([buffer, chunk]);
    const end = buffer.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = buffer.toString("utf8", 0, end);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    const whole = end + 4 + length;
    if (buffer.length >= whole && (before < whole || length === 0)) {
      answer(head, buffer.toString("utf8", end + 4, whole));
    }
  });
}

/** As 0.8 frames an answer. */
export function http10(json: unknown, status = "200 OK"): string {
  const body = typeof json === "string" ? json : JSON.stringify(json);
  return [
    `HTTP/1.0 ${status}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}
