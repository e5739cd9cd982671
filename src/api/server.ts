/** ctrl-exec-api: from a request to its answer, and from SIGTERM to the last one. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Controller } from "../controller/control-host.ts";
import type { Run } from "../controller/runs/run.ts";
import { ANY_TIME, loadCredential } from "../controller/trust/credential.ts";
import type { ApiShares } from "../core/descriptor-shares.ts";
import { asCtrlExecError, CtrlExecError, ERROR_FACTS, messageOf } from "../core/errors.ts";
import { newRequestId } from "../core/request-id.ts";
import { within } from "../system/deadline.ts";
import type { RefusalStatus } from "../system/net/http-connection.ts";
import { startHttpServer } from "../system/net/http-server.ts";
import { type Answer, errorAnswer, RETRY_AFTER, Refused, refusal } from "./answer.ts";
import { callerOf } from "./caller.ts";
import { shareDescriptors } from "./capacity.ts";
import { LargeBodies } from "./large-bodies.ts";
import { parseBody, parseQuery } from "./parse-body.ts";
import { Bodies, ClientGone } from "./read-body.ts";
import { expectsContinue, namesOneHost, pathOf } from "./request.ts";
import { RequestSlots } from "./request-slots.ts";
import type { Call, Route } from "./route.ts";
import { matchPath, ROUTES } from "./routes.ts";
import { loadApiTls } from "./tls.ts";
import { rawAnswer, writeAnswer } from "./write-answer.ts";

export interface ApiServer {
  readonly port: number;
  readonly usesTls: boolean;
  /**
   * Puts a configuration and its certificate in force, from the next request and handshake on.
   * @throws CtrlExecError `config`, and leaves everything as it was
   */
  reload(controller: Controller): void;
  /** Stops accepting, gives requests in flight some time to finish, and resolves when all are answered. */
  stop(): Promise<void>;
}

/** How long requests in flight have after SIGTERM. */
const DRAIN_MS = 10_000;
/** How long the last answers then have to be sent. */
const FLUSH_MS = 500;

const ABANDONED = "ctrl-exec-api stopped";

/** @throws CtrlExecError `config` if it cannot start */
export async function startApi(first: Controller): Promise<ApiServer> {
  const { config, log } = first;
  // Without it every request would fail. The check loop signs an expired one again.
  loadCredential(config, ANY_TIME);
  const api = new Api(first);
  const server = await startHttpServer({
    bind: config.api_bind,
    port: config.api_port,
    secureContext: () => api.tls,
    onRequest: (request, response, peer, broken) => {
      void api.answer(request, response, peer, broken);
    },
    refuse: (status, peer) => api.rawRefusal(status, peer),
    connections: api.shares.connections,
    onTlsFailure: (peer, reason) => log({ event: "tls-failure", peer, reason }),
  });
  const { port } = server;
  const usesTls = api.tls !== undefined;
  log({ event: "api-start", bind: config.api_bind, port, tls: usesTls ? "yes" : "no" });
  return {
    port,
    usesTls,
    reload: (next) => api.reload(next),
    async stop() {
      server.stopAccepting();
      await api.drain();
      server.closeAll();
      log({ event: "api-stop" });
    },
  };
}

/** A request whose answer is due. */
interface Due {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly peer: string;
  /** Aborted when the rest of the request can never come. */
  readonly broken: AbortSignal;
  /** Resolves when the answer is sent or the client has gone. */
  readonly closed: Promise<void>;
  /** An answer has been given; no other may be. */
  answered: boolean;
  bytes: number;
}

class Api {
  tls: ReturnType<typeof loadApiTls>;
  /** The share of connections never changes: the port keeps its first one. */
  shares: ApiShares;
  #controller: Controller;
  /** The address on which it has listened since its start. */
  readonly #bind: string;
  readonly #slots = new RequestSlots();
  readonly #bodies = new Bodies();
  readonly #large = new LargeBodies();
  readonly #due = new Set<Due>();
  readonly #runs = new Set<Run>();
  #stopping = false;
  #idle: () => void = () => undefined;

  constructor(controller: Controller) {
    this.#controller = controller;
    this.#bind = controller.config.api_bind;
    this.tls = loadApiTls(controller);
    this.shares = shareDescriptors(controller);
  }

  reload(next: Controller): void {
    const tls = loadApiTls(next);
    if ((tls === undefined) !== (this.tls === undefined)) {
      throw new CtrlExecError(
        "config",
        "Cannot change between TLS and plain HTTP: restart for that",
      );
    }
    this.tls = tls;
    this.shares = shareDescriptors(next);
    this.#controller = next;
  }

  /** Never rejects. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    peer: string,
    broken: AbortSignal,
  ): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const requestId = newRequestId();
    const due: Due = {
      request,
      response,
      requestId,
      peer,
      broken,
      closed,
      answered: false,
      bytes: 0,
    };
    this.#due.add(due);
    const forget = () => {
      this.#due.delete(due);
      this.#settle();
      resolve();
    };
    // It does not matter if the client goes away while it is answered.
    response.on("error", () => undefined);
    response.once("close", forget);
    try {
      this.#send(due, await this.#handle(due));
    } catch (thrown) {
      if (thrown instanceof ClientGone) forget();
      else this.#send(due, this.#failure(due, thrown));
    }
  }

  async #handle(due: Due): Promise<Answer> {
    const { request } = due;
    if (!namesOneHost(request)) {
      return refusal(400, "bad request", "HTTP/1.1 wants one Host header", { Connection: "close" });
    }
    if (!expectsContinue(request)) {
      return refusal(417, "expectation failed", "no Expect but 100-continue is understood");
    }
    const path = pathOf(request.url ?? "");
    const match = matchPath(path);
    const route = match?.routes.get(request.method ?? "");
    if (match === undefined) return refusal(404, "not found", "no such route; GET / lists them");
    if (route === undefined) {
      const allow = [...match.routes.keys()].join(", ");
      return refusal(405, "method not allowed", `allowed here: ${allow}`, { Allow: allow });
    }
    const bytes = await this.#bodies.read(due);
    due.bytes = bytes.length;
    if (this.#stopping) return refusal(503, "busy", "the API is stopping", RETRY_AFTER);
    const { max_hosts } = this.#controller.config;
    const refused = this.#slots.enter(due.peer, this.shares, route.path === "/health");
    if (refused !== undefined) return refused;
    const runs: Run[] = [];
    try {
      const body = await this.#large.inTurn(bytes, () =>
        parseBody(route, request, bytes, max_hosts),
      );
      const query = parseQuery(route, request.url ?? "");
      const call = { ...this.#call(due, route, body, runs), query, parameter: match.parameter };
      return await route.handle(call);
    } finally {
      // A run keeps its slot until it has ended, whether or not somebody waits for it.
      void Promise.allSettled(runs.map(({ finished }) => finished)).then(() =>
        this.#slots.leave(due.peer),
      );
    }
  }

  /** @param runs the runs that the call starts are added to it */
  #call(
    due: Due,
    route: Route,
    body: Record<string, unknown>,
    runs: Run[],
  ): Omit<Call, "query" | "parameter"> {
    const { api_hosts: names = [] } = this.#controller.config;
    const hosts = { names, bind: this.#bind, tls: this.tls !== undefined };
    const caller = callerOf(due, route, body, hosts);
    const api = {
      controller: this.#controller,
      routes: ROUTES,
      track: (run: Run) => {
        runs.push(run);
        this.#track(run);
      },
      answered: due.closed,
    };
    return { api, caller, body };
  }

  #track(run: Run): void {
    this.#runs.add(run);
    run.finished
      .catch((thrown) => this.#controller.log({ event: "api-error", error: messageOf(thrown) }))
      .finally(() => {
        this.#runs.delete(run);
        this.#settle();
      });
  }

  #failure({ requestId }: Due, thrown: unknown): Answer {
    if (thrown instanceof Refused) return thrown.answer;
    const error = asCtrlExecError(thrown);
    if (ERROR_FACTS[error.code].http >= 500) {
      const cause = error.cause === undefined ? "" : `: ${messageOf(error.cause)}`;
      const told = error.message + cause;
      this.#controller.log({ event: "api-error", error: told, reqid: requestId });
    }
    return errorAnswer(error, requestId);
  }

  #send(due: Due, answer: Answer): void {
    if (due.answered) return;
    due.answered = true;
    const { request, response, requestId, peer, bytes } = due;
    this.#controller.log({
      event: "api-request",
      len: bytes,
      method: request.method ?? "",
      path: pathOf(request.url ?? ""),
      peer,
      reqid: requestId,
      status: answer.status,
    });
    const closing = this.#stopping ? { Connection: "close" } : {};
    void writeAnswer(request, response, requestId, {
      ...answer,
      headers: { ...closing, ...answer.headers },
    });
  }

  /** The complete answer to bytes that are not a request. */
  rawRefusal(status: RefusalStatus, peer: string): string {
    const requestId = newRequestId();
    this.#controller.log({
      event: "api-request-unread",
      len: 0,
      method: "",
      path: "",
      peer,
      reqid: requestId,
      status,
    });
    return rawAnswer(status, requestId);
  }

  /** Resolves when nothing is in flight, or what was has been given up and answered. */
  async drain(): Promise<void> {
    this.#stopping = true;
    const drained = await this.#idleWithin(DRAIN_MS);
    if (!drained) {
      await Promise.all([...this.#runs].map((run) => run.abandon(ABANDONED)));
      await Bun.sleep(0);
      for (const due of this.#due) {
        this.#send(due, refusal(503, "busy", "the API is stopping", RETRY_AFTER));
      }
      await this.#idleWithin(FLUSH_MS);
    }
    this.#controller.dialler?.close();
  }

  async #idleWithin(ms: number): Promise<boolean> {
    const { promise: idle, resolve } = Promise.withResolvers<boolean>();
    this.#idle = () => resolve(true);
    this.#settle();
    return await within(ms, idle, () => false);
  }

  #settle(): void {
    if (this.#due.size === 0 && this.#runs.size === 0) this.#idle();
  }
}
