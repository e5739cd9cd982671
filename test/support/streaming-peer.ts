/** An agent with a real agent's certificate that answers runs with the streams that a test dictates. */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { RunEnding, RunEvent } from "../../src/core/run-event.ts";
import { ChunkWriter, LAST_CHUNK } from "../../src/core/wire/chunks.ts";
import { FRAMES_TYPE, framePieces } from "../../src/core/wire/frames.ts";
import type { LocalAgent } from "./local-fleet.ts";
import { onRequest, Peer } from "./peers.ts";

const STARTED = "2026-01-15T12:00:00Z";
const ENDED = "2026-01-15T12:00:01Z";

/** A request, and what answers it. */
export class StreamedCall {
  readonly #socket: Socket;
  #streaming = false;

  constructor(
    /** `POST /run` */
    readonly what: string,
    readonly body: Record<string, unknown>,
    socket: Socket,
  ) {
    this.#socket = socket;
  }

  get reqid(): string {
    return String(this.body.reqid);
  }

  begin(): void {
    this.event({ kind: "begin", reqid: this.reqid, script: "deploy", started: STARTED });
  }

  /** @returns the offset behind it */
  print(text: string | Uint8Array, offset = 0, stream: "stdout" | "stderr" = "stdout"): number {
    const bytes = Buffer.from(text as string);
    this.event({ kind: "output", stream, offset, bytes });
    return offset + bytes.length;
  }

  end(how: Partial<RunEnding> = {}): void {
    const times = { started: STARTED, ended: ENDED };
    const bytes = { stdout_bytes: 0, stderr_bytes: 0 };
    this.event({ kind: "end", end: { state: "ended", exit: 0, ...times, ...bytes, ...how } });
    this.#socket.end(LAST_CHUNK);
  }

  event(event: RunEvent): void {
    if (!this.#streaming) {
      const head = [`Content-Type: ${FRAMES_TYPE}`, "Transfer-Encoding: chunked", "", ""];
      this.#socket.write(["HTTP/1.1 200 OK", ...head].join("\r\n"));
      this.#streaming = true;
    }
    this.#socket.write(new ChunkWriter().chunkOf(framePieces(event)));
  }

  json(body: unknown, status = "200 OK"): void {
    const text = JSON.stringify(body);
    const head = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}`;
    this.#socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${text}`);
  }

  whenGone(act: () => void): void {
    this.#socket.once("close", act);
  }

  hangUp(): void {
    this.#socket.destroy();
  }
}

/** Stands in for the agent, which must be stopped; on a port of its own. */
export async function streamingPeer(
  agent: LocalAgent,
  answer: (call: StreamedCall) => void,
): Promise<Peer> {
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(agent.path(name), "utf8"),
  );
  return await Peer.tls({ cert, key }, (socket) =>
    onRequest(socket, (head, body) => {
      const what = head.slice(0, head.indexOf(" HTTP"));
      answer(new StreamedCall(what, body === "" ? {} : JSON.parse(body), socket));
    }),
  );
}
