/** A route: its request, its answers, and its work. */
import type { z } from "zod";
import { authorize, type Caller } from "../controller/access/authorize.ts";
import type { Controller } from "../controller/control-host.ts";
import type { DetachedRollouts } from "../controller/runs/detached-rollouts.ts";
import type { RunUnderWay } from "../controller/runs/run.ts";
import type { Format } from "../core/metrics/exposition.ts";
import type { Answer } from "./answer.ts";

export interface Route<Request extends z.ZodObject = z.ZodObject> {
  readonly method: "GET" | "POST";
  /** As in the OpenAPI document: `/status/{reqid}`. */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  /** The schema of the request's body; a route without one takes no body. */
  readonly request?: Request;
  /** True if a request without a body counts as `{}`. */
  readonly bodyOptional?: boolean;
  /** The schema of the URL's query, all of it text; a route without one takes none. */
  readonly query?: z.ZodObject;
  /** An example of the body. */
  readonly requestExample?: unknown;
  /** Others, by what they show. */
  readonly moreExamples?: Readonly<Record<string, unknown>>;
  /** The headers that it reads besides those that every route does. */
  readonly headers?: readonly RequestHeader[];
  /** Its answer goes on for as long as the client reads: it takes a slot among the streams. */
  readonly streams?: boolean;
  /** Its answers besides the refusals that every route has. */
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** @throws CtrlExecError or Refused */
  handle(call: Call<z.output<Request>>): Promise<Answer>;
}

/** Keeps the type of the body with the route that has it. */
export function defineRoute<Request extends z.ZodObject>(route: Route<Request>): Route {
  return route;
}

export interface RouteAnswer {
  readonly description: string;
  /** The media type; JSON if it is left out. */
  readonly type?: string;
  /** Of the body, or of each event's data in an event stream; left out for bytes, and where there is no body. */
  readonly schema?: z.ZodType;
  readonly example?: unknown;
  /** Its headers besides those that every answer has. */
  readonly headers?: readonly AnswerHeader[];
}

export type AnswerHeader =
  | "Location"
  | "Link"
  | "Accept-Ranges"
  | "Content-Range"
  | "X-Ctrl-Exec-Complete"
  | "X-Ctrl-Exec-Dropped";

export interface RequestHeader {
  readonly name: string;
  readonly description: string;
  readonly example: string;
}

/** One request, parsed and validated but not yet authorised: the use-case does that. */
export interface Call<Body = Record<string, unknown>> {
  readonly api: Api;
  readonly caller: Caller;
  /** As parsed by the route's schema; empty if the route has none. */
  readonly body: Body;
  /** As parsed by the route's schema; empty if the route has none. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly parameters: PathParameters;
  /** A header's value. @throws Refused 400 if there are several, or it is not UTF-8 */
  readonly header: (name: string) => string | undefined;
  /** Only the head of the answer is sent. */
  readonly head: boolean;
  /** Aborted when nobody is waiting for the answer any more. */
  readonly over: AbortSignal;
}

/** The values in the path for `{reqid}`, `{host}` and `{id}`, as received; empty if the path has no such part. */
export interface PathParameters {
  readonly reqid: string;
  readonly host: string;
  /** Of a join token. */
  readonly id: string;
}

/** What all routes share. */
export interface Api {
  readonly controller: Controller;
  readonly routes: readonly Route[];
  /**
   * Keeps the run known until it has ended, whether or not its client still listens.
   *
   * @param mayPause then it holds no request slot, because it might do so for a long time
   */
  track(run: RunUnderWay, mayPause: boolean): void;
  /** The rollouts that nobody waits for. */
  readonly detached: DetachedRollouts;
  /** Resolves when the answer is sent, or its client has gone: what it was made from is no longer needed. */
  readonly answered: Promise<void>;
  /** The text of all metrics. */
  metrics(format: Format): Promise<string>;
  /** How many hosts a stream may follow at once. */
  readonly followedHosts: number;
}

/** For the informational routes: asks the hook, with the action `api` (T25). */
export async function authorizeRoute({ api, caller }: Call): Promise<void> {
  await authorize(api.controller, caller, { action: "api", script: "", hosts: [], args: [] });
}
