/** The OpenAPI 3.1 document, generated from the routes and their schemas. */
import { z } from "zod";
import { VERSION } from "../core/version.ts";
import { HEADERS, json, responses } from "./openapi-answers.ts";
import {
  components,
  type JsonObject,
  type LiveNames,
  NAMES,
  reference,
} from "./openapi-components.ts";
import type { Route } from "./route.ts";
import * as schemas from "./schemas.ts";

export function openapiDocument(routes: readonly Route[]): JsonObject {
  return document(routes.map(operationOf), VERSION, components());
}

/** What the live document adds to the schemas. */
export interface Live extends LiveNames {
  readonly time: Date;
}

export function liveDocument(routes: readonly Route[], live: Live): JsonObject {
  const version = `${VERSION}+${Math.floor(live.time.getTime() / 1000)}`;
  // An example that names other hosts would not match the document.
  const withoutExamples = routes.map((route) =>
    operationOf({ ...route, requestExample: undefined, moreExamples: {} }),
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
        "JSON in and out, except for streams and the bytes that a script prints. HEAD works wherever GET does. The auth",
        "hook of the control host decides on every request. It gets the token and the user's name (the header",
        `${schemas.USERNAME_HEADER}); there is no status 401.`,
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
      ...PATH_PARAMETERS.filter(({ name }) => route.path.includes(`{${name}}`)),
      ...queryParameters(route),
      ...headerParameters(route),
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
    const required = !schema.safeParse(undefined).success;
    return { name, in: "query", required, description, schema: type };
  });
}

function headerParameters({ headers = [] }: Route): JsonObject[] {
  const schema = { type: "string" };
  return headers.map((header) => ({ ...header, in: "header", required: false, schema }));
}

const PATH_PARAMETERS = [
  {
    name: "reqid",
    in: "path",
    required: true,
    description: "The run's id, from the answer of /run.",
    schema: { type: "string", pattern: "^[0-9a-f]{16}$" },
    example: "a1b2c3d4e5f60718",
  },
  {
    name: "host",
    in: "path",
    required: true,
    description: "A host of the run, as in its results.",
    schema: { type: "string" },
    example: "web-01",
  },
  {
    name: "id",
    in: "path",
    required: true,
    description: "The id of a join token. It is not a secret.",
    schema: { type: "string", pattern: "^[0-9a-f]{16}$" },
    example: "a1b2c3d4e5f60718",
  },
];

const USERNAME_PARAMETER = {
  name: schemas.USERNAME_HEADER,
  in: "header",
  required: false,
  description:
    "The user's name, for the auth hooks and the script, in requests without a body. It takes precedence over username in a body.",
  schema: { type: "string", maxLength: schemas.MAX_CREDENTIAL },
  example: "alice",
};

function requestBody(route: Route, schema: z.ZodType): JsonObject {
  return {
    required: route.bodyOptional !== true,
    content: requestContent(NAMES.get(schema) ?? "", route),
  };
}

/** A body has one example, or several with names. */
function requestContent(schema: string, { requestExample, moreExamples = {} }: Route): JsonObject {
  const others = Object.entries(moreExamples);
  if (others.length === 0) return json(schema, requestExample);
  const named = [["the usual", requestExample], ...others].map(([name, value]) => [
    name,
    { value },
  ]);
  const examples = Object.fromEntries(named);
  return { "application/json": { schema: reference(schema), examples } };
}
