/** The answers of a route in the OpenAPI document: its own, and the refusals that it shares with others. */
import { type JsonObject, NAMES, reference } from "./openapi-components.ts";
import type { AnswerHeader, Route, RouteAnswer } from "./route.ts";

const text = { type: "string" };

export const HEADERS = {
  "X-Request-Id": {
    description: "The id of the request, as in the log; for a run also its reqid.",
    required: true,
    schema: { type: "string", pattern: "^[0-9a-f]{16}$" },
  },
  "Retry-After": {
    description: "Seconds to wait before trying again.",
    required: true,
    schema: { type: "integer" },
  },
  Location: { description: "The run's record.", required: true, schema: text },
  Link: { description: "The events of the run, with rel=monitor.", required: true, schema: text },
  "Accept-Ranges": { description: "Always bytes.", required: true, schema: text },
  "Content-Range": {
    description: "Which bytes these are, and of how many; * while more may come.",
    required: true,
    schema: text,
  },
  "X-Ctrl-Exec-Complete": {
    description: "Whether no more will come.",
    required: true,
    schema: { type: "boolean" },
  },
  "X-Ctrl-Exec-Dropped": {
    description: "How many more bytes the script printed that are not kept.",
    required: true,
    schema: { type: "integer" },
  },
} as const satisfies Record<AnswerHeader | "X-Request-Id" | "Retry-After", JsonObject>;

const headers = (...names: (keyof typeof HEADERS)[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

export function responses(route: Route): JsonObject {
  const all: Record<string, JsonObject> = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    all[status] = {
      description: answer.description,
      headers: headers("X-Request-Id", ...(answer.headers ?? [])),
      ...contentOf(answer),
    };
  }
  for (const status of refusalsOf(route)) {
    const { description, example, retry }: Refusal = REFUSALS[status];
    all[status] = {
      description,
      headers: headers("X-Request-Id", ...(retry === true ? (["Retry-After"] as const) : [])),
      content: json("Error", example),
    };
  }
  return all;
}

function contentOf({ type, schema, example }: RouteAnswer): JsonObject {
  const name = schema === undefined ? undefined : NAMES.get(schema);
  if (type === undefined) return name === undefined ? {} : { content: json(name, example) };
  // For an event stream, 3.1 can describe only the data of each event.
  const content =
    name === undefined ? {} : { contentMediaType: type, contentSchema: reference(name) };
  return { content: { [type]: { schema: { ...text, ...content }, example } } };
}

interface Refusal {
  readonly description: string;
  readonly example: unknown;
  readonly retry?: boolean;
}

const failed = (error: string, detail: string) => ({ ok: false, error, detail });

const REFUSALS = {
  400: {
    description:
      "The request does not match the schema, or has a member, query parameter or body that the route does not accept; detail names it.",
    example: failed("bad request", 'unknown query parameter "x"; this route takes none'),
  },
  403: {
    description:
      "The auth hook refused, or there is no hook and api_auth_default is deny; or no rule of join.d allows the token.",
    example: {
      ...failed("insufficient privilege", "the request is refused: insufficient privilege"),
      code: 3,
    },
  },
  404: {
    description:
      "There is no such run, its record is no longer kept, or the run is another user's.",
    example: failed("not found", "no run a1b2c3d4e5f60718 that you may see"),
  },
  405: {
    description: "The path does not have this method; Allow names those it has.",
    example: failed("method not allowed", "allowed here: POST"),
  },
  408: {
    description: "The request did not come in time.",
    example: failed("request timeout", "the request did not come in time"),
  },
  409: {
    description: "The script is already running on a host.",
    example: {
      ...failed("locked", "Locked: already running: web-01:deploy-app"),
      code: 4,
      conflicts: ["web-01:deploy-app"],
      hint: "Run a1b2c3d4e5f60718 is in the way: see GET /status/a1b2c3d4e5f60718, or end it with POST /runs/a1b2c3d4e5f60718/cancel.",
    },
  },
  413: {
    description: "The body is longer than 1 MiB.",
    example: failed("too large", "the body is longer than 1048576 bytes"),
  },
  415: {
    description:
      "The body is compressed; or it is not application/json, and does not begin as JSON does or comes from a browser.",
    example: failed("unsupported media type", "expected Content-Type: application/json"),
  },
  417: {
    description: "The request has an Expect header other than 100-continue.",
    example: failed("expectation failed", "no Expect except 100-continue is understood"),
  },
  429: {
    description: "Too many requests from this client are in flight.",
    example: failed("too many requests", "64 requests are in flight, most of them yours"),
    retry: true,
  },
  500: {
    description: "An internal fault; the log shows it under the id of the request.",
    example: failed("server error", "see the log of the control host for REQID=a1b2c3d4e5f60718"),
  },
  503: {
    description:
      "Too many requests are in flight or too many streams are open, or the API is stopping.",
    example: failed("busy", "64 requests are in flight"),
    retry: true,
  },
  507: {
    description:
      'The record of a run with "wait": false could not be written; nothing was sent to any host.',
    example: failed("not recorded", "Cannot start the run: its record cannot be written"),
  },
} as const satisfies Record<number, Refusal>;

function refusalsOf(route: Route): (keyof typeof REFUSALS)[] {
  const always = [400, 405, 408, 413, 417, 429, 500, 503] as const;
  const withBody = route.request === undefined ? [] : ([415] as const);
  const own = OWN_REFUSALS[route.path] ?? [403];
  return [...always, ...withBody, ...own];
}

const OWN_REFUSALS: Readonly<Record<string, readonly (keyof typeof REFUSALS)[]>> = {
  "/run": [403, 409, 507],
  "/status/{reqid}": [403, 404],
  "/runs/{reqid}": [403, 404],
  "/runs/{reqid}/cancel": [403, 404],
  "/runs/{reqid}/events": [403, 404],
  "/runs/{reqid}/output/{host}": [403, 404],
  "/events": [403, 404],
  "/tokens/{id}/revoke": [403, 404],
};

export function json(schema: string, example: unknown): JsonObject {
  return { "application/json": { schema: reference(schema), example } };
}
