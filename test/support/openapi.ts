/** An OpenAPI document as an independent reader sees it: JSON Schema by Ajv. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Content; readonly required: boolean };
  readonly responses: Readonly<
    Record<string, { readonly content?: Content; readonly headers?: object }>
  >;
}

type Content = Readonly<
  Record<
    string,
    {
      readonly schema: {
        readonly $ref: string;
        /** Of each event's data, in an event stream. */
        readonly contentSchema?: { readonly $ref: string };
      };
      readonly example: unknown;
      readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
    }
  >
>;

/** Validates requests and answers against the document. */
export class Contract {
  readonly document: OpenApiDocument;
  readonly #ajv: Ajv2020;

  constructor(document: OpenApiDocument) {
    this.document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    formats.default(this.#ajv);
    this.#ajv.addSchema(document, "api");
  }

  operations(): { method: string; path: string; operation: Operation }[] {
    return Object.entries(this.document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    );
  }

  operation(method: string, path: string): Operation {
    const found = this.document.paths[path]?.[method.toLowerCase()];
    if (found === undefined) throw new Error(`${method} ${path} is not in the document`);
    return found;
  }

  requestFits(operation: Operation, body: unknown): boolean {
    const schema = operation.requestBody?.content["application/json"]?.schema;
    return schema === undefined || this.#validator(schema.$ref)(body) === true;
  }

  /** What is wrong with an answer; an empty text when nothing is. */
  answerProblem(operation: Operation, status: number, body: unknown): string {
    const answer = operation.responses[status]?.content?.["application/json"];
    if (answer === undefined) return `${operation.operationId} does not document ${status}`;
    const problem = this.problem(answer.schema.$ref, body);
    return problem === "" ? "" : `${operation.operationId} ${status}: ${problem}`;
  }

  /** What is wrong with a value of a schema; an empty text when nothing is. */
  problem(reference: string, value: unknown): string {
    const validate = this.#validator(reference);
    return validate(value) === true ? "" : JSON.stringify(validate.errors);
  }

  #validator(reference: string): ValidateFunction {
    const validate = this.#ajv.getSchema(`api${reference}`);
    if (validate === undefined) throw new Error(`${reference} is not in the document`);
    return validate;
  }
}
