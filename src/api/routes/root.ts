import { VERSION } from "../../core/version.ts";
import { success } from "../answer.ts";
import { authorizeRoute, defineRoute } from "../route.ts";
import { indexAnswer } from "../schemas.ts";

export const index = defineRoute({
  method: "GET",
  path: "/",
  summary: "Every route, and where the documents are",
  description: "An entry point for people and programs that know nothing else about this API.",
  answers: {
    200: {
      description: "The routes.",
      schema: indexAnswer,
      example: {
        name: "ctrl-exec-api",
        version: VERSION,
        spec: "/openapi.json",
        live_spec: "/openapi-live.json",
        endpoints: [{ method: "GET", path: "/health" }],
      },
    },
  },
  async handle(call) {
    await authorizeRoute(call);
    return success<typeof indexAnswer>({
      name: "ctrl-exec-api",
      version: VERSION,
      spec: "/openapi.json",
      live_spec: "/openapi-live.json",
      endpoints: call.api.routes.map(({ method, path }) => ({ method, path })),
    });
  },
});
