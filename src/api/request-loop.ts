/** The loop from a request to its answer: what every request passes, whatever its route. error-answer.ts has the failures. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Controller } from "../controller/control-host.ts";
import { MetricsPage } from "../controller/metrics/metrics-page.ts";
import { DetachedRollouts } from "../controller/runs/detached-rollouts.ts";
import type { RunUnderWay } from "../controller/runs/run.ts";
import type { ApiShares } from "../core/descriptor-shares.ts";
import { CtrlExecError, messageOf } from "../core/errors.ts";
import type { Format } from "../core/metrics/exposition.ts";
import { newRequestId } from "../core/request-id.ts";
import type { RefusalStatus } from "../system/net/http-connection.ts";
import { type Answer, RETRY_AFTER, refusal } from "./answer.ts";
import { callerOf } from "./caller.ts";
import { shareDescriptors } from "./capacity.ts";
import { failureAnswer } from "./error-answer.ts";
import { type Due, InFlight } from "./in-flight.ts";
import { LargeBodies } from "./large-bodies.ts";
import { loadSeries } from "./load.ts";
import { parseBody, parseQuery } from "./parse-body.ts";
import { Bodies, ClientGone } from "./read-body.ts";
import { expectsContinue, namesOneHost, pathOf, soleHeader } from "./request.ts";
import { RequestSlots } from "./request-slots.ts";
import type { Call, Route } from "./route.ts";
import { type Match, matchPath, ROUTES } from "./routes.ts";
import { type StreamLimits, streamLimits, streamPlaces } from "./stream-places.ts";
import { loadApiTls } from "./tls.ts";
import { rawAnswer, writeAnswer } from "./write-answer.ts";
import { writeStream } from "./write-stream.ts";

/** After SIGTERM. */
const DRAIN_MS = 10_000;
/** How long the last answers then have to be sent. */
const FLUSH_MS = 500;

const ABANDONED = "ctrl-exec-api stopped";

/** The slot of one request: a run keeps it until it has ended, whether or not somebody waits for it. */
class Slot {
  readonly #leave: () => void;
  readonly #work: Promise<unknown>[] = [];
  #isHeld = true;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  keepFor(work: Promise<unknown>): void {
    this.#work.push(work);
  }

  isAnswered(): void {
    void Promise.allSettled(this.#work).then(() => this.giveBack());
  }

  giveBack(): void {
    if (this.#isHeld) this.#leave();
    this.#isHeld = false;
  }
}

export class RequestLoop {
  tls: ReturnType<typeof loadApiTls>;
  /** The share of connections never changes: the port keeps its first one. */
  shares: ApiShares;
  #streamLimits: StreamLimits;
  #controller: Controller;
  /** The address on which it has listened since its start. */
  readonly #bind: string;
  readonly #slots = new RequestSlots();
  readonly #places = streamPlaces();
  readonly #bodies = new Bodies();
  readonly #large = new LargeBodies();
  readonly #inFlight = new InFlight();
  readonly #metrics = new MetricsPage(new Date());
  readonly detached = new DetachedRollouts(() => this.#controller);
  readonly #drainMs: number;
  #stopping = false;

  /** @param drainMs how long requests in flight have when it stops */
  constructor(controller: Controller, drainMs = DRAIN_MS) {
    this.#controller = controller;
    this.#drainMs = drainMs;
    this.#bind = controller.config.api_bind;
    this.tls = loadApiTls(controller);
    this.shares = shareDescriptors(controller);
    this.#streamLimits = streamLimits(this.shares);
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
    this.#streamLimits = streamLimits(this.shares);
    this.#controller = next;
  }

  /** Never rejects. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    peer: string,
    broken: AbortSignal,
  ): Promise<void> {
    const due = this.#inFlight.enter(request, response, peer, broken);
    try {
      this.#send(due, await this.#handle(due));
    } catch (thrown) {
      if (thrown instanceof ClientGone) this.#inFlight.forget(due);
      else this.#send(due, failureAnswer(this.#controller.log, thrown, due.requestId));
    }
  }

  async #handle(due: Due): Promise<Answer> {
    const { request } = due;
    if (!namesOneHost(request)) {
      return refusal(400, "bad request", "HTTP/1.1 requires one Host header", {
        Connection: "close",
      });
    }
    if (!expectsContinue(request)) {
      return refusal(417, "expectation failed", "no Expect except 100-continue is understood");
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
    if (this.#stopping) return stopping();
    const { max_hosts } = this.#controller.config;
    const refused = this.#slots.enter(due.peer, this.shares, route.path === "/health");
    if (refused !== undefined) return refused;
    const slot = new Slot(() => this.#slots.leave(due.peer));
    try {
      const full = route.streams === true ? this.#takePlace(due) : undefined;
      if (full !== undefined) return full;
      const body = await this.#large.inTurn(bytes, () =>
        parseBody(route, request, bytes, max_hosts),
      );
      return await route.handle(this.#call(due, route, match, body, slot));
    } finally {
      slot.isAnswered();
    }
  }

  async metrics(format: Format): Promise<string> {
    const controller = this.#controller;
    const load = loadSeries(controller, {
      requests: this.#slots.taken,
      streams: this.#places.taken,
      runs: this.#inFlight.runs,
    });
    return await this.#metrics.text(controller, load, format);
  }

  /**
   * A stream has a slot of its own, so it takes no request slot while it lasts. @returns the refusal, if there is no
   * slot
   */
  #takePlace({ peer, closed }: Due): Answer | undefined {
    const full = this.#places.enter(peer, this.#streamLimits, false);
    if (full === undefined) void closed.then(() => this.#places.leave(peer));
    return full;
  }

  #call(
    due: Due,
    route: Route,
    { parameters }: Match,
    body: Record<string, unknown>,
    slot: Slot,
  ): Call {
    const { request } = due;
    const { api_hosts: names = [] } = this.#controller.config;
    const hosts = { names, bind: this.#bind, tls: this.tls !== undefined };
    const caller = callerOf(due, route, body, hosts);
    const { log } = this.#controller;
    const api = {
      controller: this.#controller,
      routes: ROUTES,
      detached: this.detached,
      track: (run: RunUnderWay, mayPause: boolean) => {
        if (mayPause) slot.giveBack();
        else slot.keepFor(run.finished);
        this.#inFlight.track(run, (thrown) =>
          log({ event: "api-error", error: messageOf(thrown) }),
        );
      },
      answered: due.closed,
      metrics: (format: Format) => this.metrics(format),
      followedHosts: this.#streamLimits.hosts,
    };
    const query = parseQuery(route, request.url ?? "");
    const header = (name: string) => soleHeader(request, name);
    const head = request.method === "HEAD";
    return { api, caller, body, query, parameters, header, head, over: due.over };
  }

  #send(due: Due, given: Answer): void {
    if (due.answered) return;
    due.answered = true;
    // A stream would end as soon as it began.
    const answer = this.#stopping && "send" in given ? stopping() : given;
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
    const headers = { ...(this.#stopping ? { Connection: "close" } : {}), ...answer.headers };
    if ("send" in answer) {
      due.streaming = true;
      void writeStream(request, response, { ...answer, headers }, due);
    } else {
      void writeAnswer(request, response, requestId, { ...answer, headers });
    }
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
    this.#inFlight.beginNoMore(ABANDONED);
    await this.detached.leave();
    await this.#inFlight.endStreams(FLUSH_MS);
    const drained = await this.#inFlight.idleWithin(this.#drainMs);
    if (!drained) {
      await this.#inFlight.abandonRuns(ABANDONED);
      await Bun.sleep(0);
      for (const due of this.#inFlight.due) this.#send(due, stopping());
      await this.#inFlight.idleWithin(FLUSH_MS);
    }
    this.#controller.dialler?.close();
  }
}

const stopping = () => refusal(503, "busy", "the API is stopping", RETRY_AFTER);
