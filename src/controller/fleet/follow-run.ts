/**
 * Runs a script on one host and follows it while it runs (docs/PROTOCOL.md, section 9). When the connection breaks,
 * the agent is asked for the rest: nothing is run a second time.
 */
import type { RunEnding } from "../../core/run-event.ts";
import { longerPause, pause } from "../../system/deadline.ts";
import type { AgentRequest } from "./agent-request.ts";
import { whyNotAnswered } from "./answer.ts";
import type { Sending } from "./dialler.ts";
import { EventReader, type Following } from "./event-reader.ts";
import { askHost, type FleetDialler, type HostOutcome } from "./fan-out.ts";
import type { ResolvedTarget } from "./targets.ts";

export type FollowedRun =
  | { readonly kind: "ended"; readonly outcome: HostOutcome; readonly end: RunEnding }
  /** No stream has begun: the outcome may be that of any request. An agent before 1.1 gives the whole result. */
  | { readonly kind: "answered"; readonly outcome: HostOutcome }
  /** The run has begun. It may still be running, and can be followed again. */
  | { readonly kind: "out-of-sight"; readonly outcome: HostOutcome; readonly why: string };

/** A living agent sends something every 10 s, however short `read_timeout` is. */
const MIN_SILENCE_MS = 25_000;

/** Before the agent is asked again; doubled each time that nothing was received. */
export const FIRST_PAUSE_MS = 200;
export const LONGEST_PAUSE_MS = 5_000;

const BUSY = 503;
const BUSY_AGENT = "its agent is busy";

/** @param body of `POST /run`, in the form that any agent accepts */
export async function followRun(
  dialler: FleetDialler,
  target: ResolvedTarget,
  body: object,
  following: Following,
): Promise<FollowedRun> {
  const call = new FollowCall(dialler, target, following, true);
  const sending = new NotedSending(dialler.sending);
  const request = { method: "POST", path: "/run", reply: "output" } as const;
  const outcome = await call.ask({ ...dialler, sending }, request, { ...body, stream: 1 });
  const { reply, dropped, garbled = false } = outcome;
  const isBroken = reply === undefined && !dropped && !garbled;
  if (sending.maybeSent && isBroken) return await call.goOn(outcome);
  return call.result(outcome);
}

/** Follows a run that was started before. */
export async function followOn(
  dialler: FleetDialler,
  target: ResolvedTarget,
  following: Following,
): Promise<FollowedRun> {
  const call = new FollowCall(dialler, target, following, false);
  const outcome = await call.askForRest();
  return call.begun ? await call.goOn(outcome) : call.result(outcome);
}

class FollowCall {
  readonly #dialler: FleetDialler;
  readonly #target: ResolvedTarget;
  readonly #following: Following;
  readonly #reader: EventReader;
  readonly #hasToken: boolean;
  readonly #silenceMs: number;
  readonly #started = performance.now();

  /** @param hasToken the run is our caller's: what it prints is passed on as it is (T27) */
  constructor(
    dialler: FleetDialler,
    target: ResolvedTarget,
    following: Following,
    hasToken: boolean,
  ) {
    this.#hasToken = hasToken;
    this.#dialler = dialler;
    this.#target = target;
    this.#following = following;
    this.#silenceMs = Math.max(dialler.config.read_timeout * 1000, MIN_SILENCE_MS);
    this.#reader = new EventReader(following, this.#silenceMs);
  }

  get begun(): boolean {
    return this.#reader.begun;
  }

  async ask(
    dialler: FleetDialler,
    request: Omit<AgentRequest, "body" | "onStream">,
    body: object,
  ): Promise<HostOutcome> {
    const onStream = this.#reader.take.bind(this.#reader);
    const { signal } = this.#following;
    const asked = { ...request, body, onStream, signal };
    const outcome = await askHost(dialler, this.#target, asked);
    return { ...outcome, rtt: Math.round(performance.now() - this.#started) };
  }

  async askForRest(): Promise<HostOutcome> {
    // Whatever becomes of this request, it starts nothing, and ends nothing that was started before.
    const { sending: _, ...dialler } = this.#dialler;
    const { reqid } = this.#following;
    const request = { method: "POST", path: "/follow", reply: "words", idempotent: true } as const;
    const token = this.#hasToken ? { token: 1 } : {};
    return await this.ask(dialler, request, { reqid, ...this.#reader.offsets, ...token });
  }

  /**
   * Asks for the rest until it has come, the agent refuses, or it has been silent for too long: at least once after
   * it last answered, because this host may have been suspended since.
   */
  async goOn(broken: HostOutcome): Promise<FollowedRun> {
    const reader = this.#reader;
    let outcome = broken;
    let pauseMs = FIRST_PAUSE_MS;
    let inVain = !reader.begun;
    while (isUnanswered(outcome) && !reader.broken) {
      this.#following.contact?.broken(outcome.error ?? BUSY_AGENT, this.#giveUpAt());
      if (inVain && performance.now() + pauseMs > this.#giveUpAt()) break;
      await pause(pauseMs, this.#following.signal);
      if (reader.broken) break;
      const { heardAt } = reader;
      outcome = await this.askForRest();
      inVain = reader.heardAt === heardAt;
      pauseMs = inVain ? longerPause(pauseMs, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS;
    }
    // If a run was not seen to begin, the fact that it is not known says less than what became of its request.
    return this.result(reader.begun ? outcome : broken);
  }

  result(outcome: HostOutcome): FollowedRun {
    const { end, begun } = this.#reader;
    if (end !== undefined) return { kind: "ended", outcome, end };
    if (!begun) return { kind: "answered", outcome };
    const { label } = this.#target;
    const otherwise = (status: number) => `${label} answered with status ${status} and no stream`;
    return { kind: "out-of-sight", outcome, why: whyNotAnswered(outcome, otherwise) };
  }

  /** A run that has not begun is waited for like any answer. */
  #giveUpAt(): number {
    const { heardAt } = this.#reader;
    if (heardAt !== undefined) return heardAt + this.#silenceMs;
    return this.#started + this.#dialler.config.read_timeout * 1000;
  }
}

/** No answer, or one that may be different in a moment. */
export function isUnanswered({ reply }: HostOutcome): boolean {
  return reply === undefined || reply.status === BUSY;
}

/** Notes whether the request may have reached the host. */
class NotedSending implements Sending {
  readonly #other: Sending | undefined;
  #maybeSent = false;

  constructor(other: Sending | undefined) {
    this.#other = other;
  }

  get maybeSent(): boolean {
    return this.#maybeSent;
  }

  mayBeSent(target: ResolvedTarget): boolean {
    const may = this.#other?.mayBeSent(target) ?? true;
    if (may) this.#maybeSent = true;
    return may;
  }

  turnedAway(target: ResolvedTarget): void {
    this.#maybeSent = false;
    this.#other?.turnedAway(target);
  }

  ended(target: ResolvedTarget): void {
    this.#other?.ended(target);
  }
}
