import { cancelRun } from "../../controller/runs/cancel.ts";
import { success } from "../answer.ts";
import { defineRoute } from "../route.ts";
import { cancelAnswer, cancelRequest } from "../schemas.ts";
import { unlessHidden } from "./status.ts";

export const cancel = defineRoute({
  method: "POST",
  path: "/runs/{reqid}/cancel",
  summary: "End a run on its hosts",
  description: [
    "Everything that the script has started on a host gets TERM, and KILL after grace. The answer comes when",
    "every host has answered. The auth hook is asked with the action cancel. Agents older than 1.1 cannot",
    "cancel, and get the status failed.",
  ].join("\n"),
  request: cancelRequest,
  bodyOptional: true,
  requestExample: { hosts: ["web-01"], grace: 10, username: "alice" },
  answers: {
    200: {
      description: "What became of the run on each host, in the order of the run.",
      schema: cancelAnswer,
      example: { ok: true, results: [{ host: "web-01", status: "ended", left: 0 }] },
    },
  },
  async handle({ api, caller, body, parameters: { reqid } }) {
    const { hosts, except, grace } = body;
    const order = { reqid, hosts, except, grace };
    const results = await unlessHidden(reqid, () =>
      cancelRun(api.controller, caller, order, () => undefined),
    );
    return success<typeof cancelAnswer>({ ok: true, results });
  },
});
