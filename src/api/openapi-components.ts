/** The schemas of the OpenAPI document, under the names by which it refers to them. */
import { z } from "zod";
import { discoveredHost, pingResult } from "../core/results.ts";
import { hostExpressionSchema } from "./host-schemas.ts";
import { runsAnswer } from "./run-list-schemas.ts";
import * as schemas from "./schemas.ts";
import { runMessage } from "./stream-schemas.ts";
import * as tokens from "./token-schemas.ts";

/** Schemas that become components, for requests and for answers. */
const REQUESTS = {
  PingRequest: schemas.pingRequest,
  RunRequest: schemas.runRequest,
  DiscoveryRequest: schemas.discoveryRequest,
  ResumeRequest: schemas.resumeRequest,
  CancelRequest: schemas.cancelRequest,
  PauseRequest: schemas.pauseRequest,
  TokenRequest: tokens.tokenRequest,
  TokenIdRequest: tokens.tokenIdRequest,
};

const ANSWERS = {
  RunResult: schemas.runResult,
  PingResult: pingResult,
  DiscoveredHost: discoveredHost,
  Index: schemas.indexAnswer,
  Health: schemas.healthAnswer,
  PingAnswer: schemas.pingAnswer,
  RunAnswer: schemas.runAnswer,
  DryRunAnswer: schemas.dryRunAnswer,
  RunOrDryRunAnswer: schemas.runOrDryRunAnswer,
  RunAccepted: schemas.acceptedAnswer,
  RunMessage: runMessage,
  DiscoveryAnswer: schemas.discoveryAnswer,
  RunStatus: schemas.statusAnswer,
  RunList: runsAnswer,
  CancelAnswer: schemas.cancelAnswer,
  PauseAnswer: schemas.pauseAnswer,
  TokenAnswer: tokens.tokenAnswer,
  TokensAnswer: tokens.tokensAnswer,
  RevokedAnswer: tokens.revokedAnswer,
  OpenApi: schemas.openapiAnswer,
  Error: schemas.errorAnswer,
};

export type JsonObject = Record<string, unknown>;

export const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** By their schemas. */
export const NAMES: ReadonlyMap<z.core.$ZodType, string> = new Map(
  Object.entries<z.core.$ZodType>({ ...REQUESTS, ...ANSWERS }).map(([name, schema]) => [
    schema,
    name,
  ]),
);

export interface LiveNames {
  readonly hosts: readonly string[];
  readonly scripts: readonly string[];
}

interface Overridden {
  readonly zodSchema: unknown;
  readonly jsonSchema: JsonObject;
}

/** @param live the names that are known now */
export function components(live?: LiveNames): JsonObject {
  const override = ({ zodSchema, jsonSchema }: Overridden) => {
    if (zodSchema === hostExpressionSchema) addEnum(jsonSchema, live?.hosts);
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
