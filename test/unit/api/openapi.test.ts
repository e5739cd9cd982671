import { describe, expect, test } from "bun:test";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { liveDocument, openapiDocument } from "../../../src/api/openapi.ts";
import { ROUTES } from "../../../src/api/routes.ts";
import { Contract, type OpenApiDocument } from "../../support/openapi.ts";

const plain = JSON.parse(JSON.stringify(openapiDocument(ROUTES))) as OpenApiDocument;
const live = JSON.parse(
  JSON.stringify(
    liveDocument(ROUTES, {
      hosts: ["web-01", "db-01"],
      scripts: ["hello"],
      time: new Date(1_700_000_000_500),
    }),
  ),
) as OpenApiDocument;

describe("the OpenAPI document", () => {
  test.each([
    ["plain", plain],
    ["live", live],
  ])("%s: a linter that knows nothing of this program finds no fault", async (_, document) => {
    const config = await createConfig({ extends: ["recommended-strict"] });
    const problems = await lintFromString({
      source: JSON.stringify(document),
      absoluteRef: "openapi.json",
      config,
    });
    expect(problems.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([]);
  });

  test("has every route", () => {
    const documented = new Contract(plain).operations().map(({ method, path }) => method + path);
    expect(documented.sort()).toEqual(ROUTES.map(({ method, path }) => method + path).sort());
  });

  test("has an example that matches its schema for every request and answer", () => {
    const contract = new Contract(plain);
    for (const { operation } of contract.operations()) {
      const request = operation.requestBody?.content["application/json"];
      if (request !== undefined) {
        const named = Object.values(request.examples ?? {}).map(({ value }) => value);
        for (const example of named.length > 0 ? named : [request.example]) {
          expect(contract.requestFits(operation, example), operation.operationId).toBe(true);
        }
      }
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (content?.["application/json"] === undefined) continue;
        const { example } = content["application/json"];
        expect(contract.answerProblem(operation, Number(status), example)).toBe("");
      }
    }
  });

  test("has an example of a run on a few hosts at a time, and of one that goes on so", () => {
    const contract = new Contract(plain);
    for (const path of ["/run", "/runs/{reqid}/resume"]) {
      const body = contract.operation("POST", path).requestBody?.content["application/json"];
      const { examples = {} } = { ...body };
      const rollouts = Object.values(examples).filter(({ value }) => "rollout" in Object(value));
      expect(rollouts, path).toHaveLength(1);
    }
  });

  test("has an example of an event stream whose data match their schema", () => {
    const contract = new Contract(plain);
    for (const path of ["/runs/{reqid}/events", "/events"]) {
      const { content } = contract.operation("GET", path).responses[200] ?? {};
      const { schema, example } = content?.["text/event-stream"] ?? {};
      const [, data = ""] = /^data: (.*)$/m.exec(String(example)) ?? [];
      expect(contract.problem(schema?.contentSchema?.$ref ?? "", JSON.parse(data))).toBe("");
    }
  });

  test("live: has the hosts and the scripts as enums and the time in its version", () => {
    expect(live.info.version).toBe(`${plain.info.version}+1700000000`);
    const { RunRequest } = live.components.schemas;
    expect(RunRequest).toMatchObject({
      properties: {
        hosts: { items: { enum: ["web-01", "db-01"] } },
        script: { enum: ["hello"] },
      },
    });
    expect(JSON.stringify(plain)).not.toContain('"hello"');
  });

  test("live: an empty fleet allows any host, as an empty enum would allow none", () => {
    const empty = liveDocument(ROUTES, { hosts: [], scripts: [], time: new Date(0) });
    expect(JSON.stringify(empty)).not.toContain('"enum":[]');
  });
});

test("the document says that a request names each host once", () => {
  const { RunRequest, PingRequest } = JSON.parse(JSON.stringify(plain)).components.schemas;
  for (const request of [RunRequest, PingRequest]) {
    expect(request.properties.hosts.uniqueItems).toBe(true);
  }
});

test("the document says which headers of a request mean something, and that none must be sent", () => {
  const { paths } = JSON.parse(JSON.stringify(plain));
  const headers = (path: string) =>
    paths[path].get.parameters.filter((each: { in: string }) => each.in === "header");
  expect(headers("/runs/{reqid}/output/{host}")).toMatchObject([
    { name: "Range", required: false, schema: { type: "string" } },
  ]);
  expect(headers("/events")).toMatchObject([{ name: "Last-Event-ID", required: false }]);
});

test("the document says which bodies may be left out", () => {
  const { paths } = JSON.parse(JSON.stringify(plain));
  const required = (path: string) => paths[path].post.requestBody.required;
  expect(["/run", "/ping"].map(required)).toEqual([true, true]);
  expect(["/discovery", "/runs/{reqid}/cancel"].map(required)).toEqual([false, false]);
});
