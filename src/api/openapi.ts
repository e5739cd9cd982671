/** The OpenAPI 3.1 document, generated from the routes and their schemas. */
import { z } from "zod";
import { discoveredHost, pingResult } from "../core/results.ts";
import { VERSION } from "../core/version.ts";
import type { Route } from "./route.ts";
import * as schemas from "./schemas.ts";

/** Schemas that become components, for requests and for answers. */
const REQUESTS = {
  PingRequest: schemas.pingRequest,
  RunRequest: schemas.runRequest,
  DiscoveryRequest: schemas.discoveryRequest,
  CancelRequest: schemas.cancelRequest,
};

const ANSWERS = {
  RunResult: schemas.runResult,
  PingResult: pingResult,
  DiscoveredHost: discoveredHost,
  Index: schemas.indexAnswer,
  Health: schemas.healthAnswer,
  PingAnswer: schemas.pingAnswer,
  RunAnswer: schemas.runAnswer,
  RunAccepted: schemas.acceptedAnswer,
  DiscoveryAnswer: schemas.discoveryAnswer,
  RunStatus: schemas.statusAnswer,
  RunList: schemas.runsAnswer,
  CancelAnswer: schemas.cancelAnswer,
  OpenApi: schemas.openapiAnswer,
  Error: schemas.errorAnswer,
  Denied: schemas.deniedAnswer,
  Locked: schemas.lockedAnswer,
};

type JsonObject = Record<string, unknown>;

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const NAMES: ReadonlyMap<z.core.$ZodType, string> = new Map(
  Object.entries<z.core.$ZodType>({ ...REQUESTS, ...ANSWERS }).map(([name, schema]) => [
    schema,
    name,
  ]),
);

export function openapiDocument(routes: readonly Route[]): JsonObject {
  return document(routes.map(operationOf), VERSION, components());
}

/** What the live document adds to the schemas. */
export interface Live {
  readonly hosts: readonly string[];
  readonly scripts: readonly string[];
  readonly time: Date;
}

export function liveDocument(routes: readonly Route[], live: Live): JsonObject {
  const version = `${VERSION}+${Math.floor(live.time.getTime() / 1000)}`;
  // An example that names other hosts would not match the document.
  const withoutExamples = routes.map((route) =>
    operationOf({ ...route, requestExample: undefined }),
  );
  return document(withoutExamples, version, components(live));
}

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly operation: JsonObject;
}

function document(
  operations: readonly Operation[],
  version: string,
  componentSchemas: JsonObject,
): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const { path, method, operation } of operations) {
    paths[path] = { ...paths[path], [method]: operation };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "ctrl-exec-api",
      version,
      summary: "Run allowlisted scripts on a fleet.",
      description: [
        "JSON in and out. HEAD works wherever GET does. Every request passes the auth hook of the",
        `control host, which gets the token and the user's name (the header ${schemas.USERNAME_HEADER}); there`,
        "is no status 401.",
      ].join("\n"),
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, {}],
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      parameters: { Username: USERNAME_PARAMETER },
      headers: HEADERS,
      schemas: componentSchemas,
    },
  };
}

function operationOf(route: Route): Operation {
  const method = route.method.toLowerCase();
  return { path: route.path, method, operation: operation(route, method) };
}

function operation(route: Route, method: string): JsonObject {
  const name = route.path
    .replace(/[^a-z]+/g, " ")
    .trim()
    .replaceAll(" ", "-");
  return {
    operationId: `${method}-${name === "" ? "index" : name}`,
    summary: route.summary,
    description: route.description,
    parameters: [
      ...(route.path.includes("{reqid}") ? [REQID_PARAMETER] : []),
      ...queryParameters(route),
      { $ref: "#/components/parameters/Username" },
    ],
    ...(route.request === undefined ? {} : { requestBody: requestBody(route, route.request) }),
    responses: responses(route),
  };
}

function queryParameters({ query }: Route): JsonObject[] {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = z.toJSONSchema(schema as z.ZodType, { io: "input" });
    const { $schema: _, ...type } = rest;
    return { name, in: "query", required: false, description, schema: type };
  });
}

const REQID_PARAMETER = {
  name: "reqid",
  in: "path",
  required: true,
  description: "The run's id, from the answer of /run.",
  schema: { type: "string", pattern: "^[0-9a-f]{16}$" },
  example: "a1b2c3d4e5f60718",
};

const USERNAME_PARAMETER = {
  name: schemas.USERNAME_HEADER,
  in: "header",
  required: false,
  description:
    "The user's name, for the auth hooks and the script; for requests without a body. Wins over username in a body.",
  schema: { type: "string", maxLength: schemas.MAX_CREDENTIAL },
  example: "alice",
};

function requestBody(route: Route, schema: z.ZodType): JsonObject {
  return {
    required: route.bodyOptional !== true,
    content: json(NAMES.get(schema) ?? "", route.requestExample),
  };
}

function json(schema: string, example: unknown): JsonObject {
  return { "application/json": { schema: reference(schema), example } };
}

const HEADERS = {
  "X-Request-Id": {
    description: "The request's id, as in the log; for a run also its reqid.",
    required: true,
    schema: { type: "string", pattern: "^[0-9a-f]{16}$" },
  },
  "Retry-After": {
    description: "Seconds to wait before the next try.",
    required: true,
    schema: { type: "integer" },
  },
  Location: { description: "The run's record.", required: true, schema: { type: "string" } },
};

const headers = (...names: (keyof typeof HEADERS)[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

function responses(route: Route): JsonObject {
  const all: Record<string, JsonObject> = {};
  for (const [status, { description, schema, example }] of Object.entries(route.answers)) {
    all[status] = {
      description,
      headers: headers("X-Request-Id", ...(status === "202" ? (["Location"] as const) : [])),
      content: json(NAMES.get(schema) ?? "", example),
    };
  }
  for (const status of refusalsOf(route)) {
    const { description, schema, example, retry }: Refusal = REFUSALS[status];
    all[status] = {
      description,
      headers: headers("X-Request-Id", ...(retry === true ? (["Retry-After"] as const) : [])),
      content: json(schema, example),
    };
  }
  return all;
}

interface Refusal {
  readonly description: string;
  readonly schema: string;
  readonly example: unknown;
  readonly retry?: boolean;
}

const failed = (error: string, detail: string) => ({ ok: false, error, detail });

const REFUSALS = {
  400: {
    description:
      "The request is not what the schema says, or has a member, a query or a body that the route does not take; detail names it.",
    schema: "Error",
    example: failed("bad request", 'unknown query parameter "x"; this route takes none'),
  },
  403: {
    description: "The auth hook refused, or there is none and api_auth_default is deny.",
    schema: "Denied",
    example: { ok: false, error: "insufficient privilege", code: 3 },
  },
  404: {
    description: "No such run, its record is no longer kept, or it is another's.",
    schema: "Error",
    example: failed("not found", "no run a1b2c3d4e5f60718 that you may see"),
  },
  405: {
    description: "The path has other methods; Allow names them.",
    schema: "Error",
    example: failed("method not allowed", "allowed here: POST"),
  },
  408: {
    description: "The request did not come in time.",
    schema: "Error",
    example: failed("request timeout", "the request did not come in time"),
  },
  409: {
    description: "The script is already running on a host.",
    schema: "Locked",
    example: {
      ok: false,
      error: "locked",
      code: 4,
      conflicts: ["web-01:deploy-app"],
      hint: "See: ctrl-exec list-locks",
    },
  },
  413: {
    description: "The body is longer than 1 MiB.",
    schema: "Error",
    example: failed("too large", "the body is longer than 1048576 bytes"),
  },
  415: {
    description:
      "The body is compressed; or it is not application/json, and is not JSON or comes from a browser.",
    schema: "Error",
    example: failed("unsupported media type", "expected Content-Type: application/json"),
  },
  417: {
    description: "The request has an Expect header other than 100-continue.",
    schema: "Error",
    example: failed("expectation failed", "no Expect but 100-continue is understood"),
  },
  429: {
    description: "Too many of this client's requests are in flight.",
    schema: "Error",
    example: failed("too many requests", "64 requests are in flight, most of them yours"),
    retry: true,
  },
  500: {
    description: "An internal fault; the log has it under the request's id.",
    schema: "Error",
    example: failed("server error", "see the log of the control host for REQID=a1b2c3d4e5f60718"),
  },
  503: {
    description: "Too many requests are in flight, or the API is stopping.",
    schema: "Error",
    example: failed("busy", "64 requests are in flight"),
    retry: true,
  },
  507: {
    description:
      'The record of a run with "wait": false cannot be written; nothing was sent to any host.',
    schema: "Error",
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
  "/runs/{reqid}/cancel": [403, 404],
};

interface Overridden {
  readonly zodSchema: unknown;
  readonly jsonSchema: JsonObject;
}

function components(live?: Live): JsonObject {
  const override = ({ zodSchema, jsonSchema }: Overridden) => {
    if (zodSchema === schemas.hostSchema) addEnum(jsonSchema, live?.hosts);
    if (zodSchema === schemas.scriptSchema) addEnum(jsonSchema, live?.scripts);
  };
  return {
    ...convert(REQUESTS, "input", override),
    ...convert(ANSWERS, "output", (context) => {
      // A later version may answer more; a client must not refuse that.
      const { jsonSchema } = context;
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      override(context);
    }),
  };
}

/** An empty enum would allow nothing at all, and JSON Schema forbids it. */
function addEnum(jsonSchema: JsonObject, values: readonly string[] | undefined): void {
  if (values !== undefined && values.length > 0) jsonSchema.enum = values;
}

function convert(
  named: Readonly<Record<string, z.core.$ZodType>>,
  io: "input" | "output",
  override: (context: Overridden) => void,
): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const converted = z.toJSONSchema(registry, {
    io,
    uri: (id) => reference(id).$ref,
    override,
  });
  return Object.fromEntries(
    Object.entries(converted.schemas).map(([name, { $schema, $id, ...schema }]) => [name, schema]),
  );
}
