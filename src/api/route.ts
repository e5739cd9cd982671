/** A route: its request, its answers, and its work. */
import type { z } from "zod";
import type { Caller } from "../controller/access/authorize.ts";
import type { Controller } from "../controller/control-host.ts";
import type { Run } from "../controller/runs/run.ts";
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
  readonly schema: z.ZodType;
  readonly example: unknown;
}

/** One request, parsed and validated but not yet authorised: the use-case does that. */
export interface Call<Body = Record<string, unknown>> {
  readonly api: Api;
  readonly caller: Caller;
  /** As parsed by the route's schema; empty if the route has none. */
  readonly body: Body;
  /** As parsed by the route's schema; empty if the route has none. */
  readonly query: Readonly<Record<string, unknown>>;
  /** The value of `{reqid}`. */
  readonly parameter: string;
}

/** What all routes share. */
export interface Api {
  readonly controller: Controller;
  readonly routes: readonly Route[];
  /** Keeps the run known until it has ended, whether or not its client still listens. */
  track(run: Run): void;
  /** Resolves when the answer is out, or its client has gone: what it was made of is needed no more. */
  readonly answered: Promise<void>;
}
