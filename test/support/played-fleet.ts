/**
 * Registered hosts with certificates of their own, played by the test's process: what their agents answer costs no
 * process, so that fifty of them can be asked for each of a hundred command lines.
 */
import type { TLSSocket } from "node:tls";
import { freePort } from "../../src/system/net/free-port.ts";
import { FakeAgent, jsonAnswer } from "./fake-agent.ts";
import { type ControlHost, TestAgent } from "./fleet.ts";
import { StreamedRun } from "./streaming-agents.ts";

/** What a script does. */
export interface Play {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exit?: number;
  /** It never ends by itself. */
  readonly hangs?: boolean;
}

export interface PlayedRequest {
  readonly host: string;
  /** `POST /run` */
  readonly what: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A JSON answer; the code is that of HTTP, 200 if it is left out. */
type PlayedAnswer = Readonly<Record<string, unknown>> & { readonly code?: string };

export interface HostPlay {
  readonly scripts: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  play(script: string): Play;
}

export class PlayedFleet implements Disposable {
  /** In the order in which they came. */
  readonly asked: PlayedRequest[] = [];
  readonly #agents: FakeAgent[] = [];
  /** By the host, and the id of the run. */
  readonly #runs = new Map<string, string>();

  private constructor(
    readonly names: readonly string[],
    /** The same for each of them, at an address of its own. */
    readonly port: number,
    readonly hostOf: (name: string) => HostPlay,
  ) {}

  static async start(
    control: ControlHost,
    names: readonly string[],
    hostOf: (name: string) => HostPlay,
  ): Promise<PlayedFleet> {
    const fleet = new PlayedFleet(names, freePort(), hostOf);
    for (const [index, name] of names.entries()) {
      const address = `127.50.${Math.floor(index / 250)}.${(index % 250) + 1}`;
      const approve = { ip: address, lookupBy: "ip" } as const;
      const agent = new TestAgent(control, name, fleet.port, { approve });
      await agent.pair();
      const answer = (socket: TLSSocket, request: string) => {
        const json = fleet.#answer(name, socket, request);
        if (json !== undefined)
          socket.end(jsonAnswer(json).replace("200 OK", json.code ?? "200 OK"));
      };
      fleet.#agents.push(await FakeAgent.start(agent, answer, address));
    }
    return fleet;
  }

  /** The hosts that were asked for the script, sorted; undefined means any script. */
  ran(script?: string): string[] {
    const runs = this.asked.filter(
      ({ what, body }) => what === "POST /run" && (script ?? body.script) === body.script,
    );
    return runs.map(({ host }) => host).sort();
  }

  /** Undefined if it answers with a stream. */
  #answer(host: string, socket: TLSSocket, request: string): PlayedAnswer | undefined {
    const [head = "", text = ""] = request.split("\r\n\r\n", 2);
    const what = head.slice(0, head.indexOf(" HTTP"));
    const body: Record<string, unknown> = text === "" ? {} : JSON.parse(text);
    this.asked.push({ host, what, body });
    const { scripts, tags = {} } = this.hostOf(host);
    const { reqid, script } = body;
    const key = `${host} ${reqid}`;
    const about = { status: "ok", host, version: "1.1.0" };
    if (what === "POST /ping") return { ...about, expiry: "Jun  7 16:28:00 2035 GMT", reqid };
    if (what === "GET /capabilities") {
      const listed = scripts.map((name) => ({ name, path: `/opt/${name}`, executable: true }));
      return { ...about, scripts: listed, tags };
    }
    if (what === "POST /cancel") return { status: "ended", left: 0 };
    if (what === "POST /run") {
      this.#runs.set(key, String(script));
      if (body.detach === true) return { code: "202 Accepted", status: "accepted", script, reqid };
      this.#play(host, socket, String(script), body);
      return undefined;
    }
    const known = this.#runs.get(key);
    if (what !== "POST /follow" || known === undefined) {
      return { code: "404 Not Found", error: "no such run" };
    }
    this.#play(host, socket, known, { ...body, stream: 1 });
    return undefined;
  }

  #play(
    host: string,
    socket: TLSSocket,
    script: string,
    { reqid, stream }: Readonly<Record<string, unknown>>,
  ): void {
    const run = new StreamedRun(socket, { reqid: String(reqid), script, stream });
    const { stdout = "", stderr = "", exit = 0, hangs } = this.hostOf(host).play(script);
    if (stdout !== "") run.print(stdout);
    if (stderr !== "") run.print(stderr, "stderr");
    if (hangs !== true) run.end({ exit });
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents) agent[Symbol.dispose]();
  }
}
