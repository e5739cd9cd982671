import { success } from "../answer.ts";
import { openapiDocument } from "../openapi.ts";
import { authorizeRoute, defineRoute } from "../route.ts";
import { openapiAnswer } from "../schemas.ts";

export const openapi = defineRoute({
  method: "GET",
  path: "/openapi.json",
  summary: "This API as an OpenAPI 3.1 document",
  description: "Generated from the schemas that validate the requests.",
  answers: {
    200: { description: "The document.", schema: openapiAnswer, example: { openapi: "3.1.0" } },
  },
  async handle(call) {
    await authorizeRoute(call);
    return success(openapiDocument(call.api.routes));
  },
});
