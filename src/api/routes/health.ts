import { VERSION } from "../../core/version.ts";
import { success } from "../answer.ts";
import { authorizeRoute, defineRoute } from "../route.ts";
import { healthAnswer } from "../schemas.ts";

export const health = defineRoute({
  method: "GET",
  path: "/health",
  summary: "Whether the API answers",
  description: "For liveness checks. It asks no agent.",
  answers: {
    200: {
      description: "The API answers.",
      schema: healthAnswer,
      example: { ok: true, version: VERSION },
    },
  },
  async handle(call) {
    await authorizeRoute(call);
    return success<typeof healthAnswer>({ ok: true, version: VERSION });
  },
});
