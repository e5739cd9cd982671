import { pingHosts } from "../../controller/inventory/ping.ts";
import { renewSeen } from "../../controller/upkeep/renew-seen.ts";
import { success } from "../answer.ts";
import { defineRoute } from "../route.ts";
import { pingAnswer, pingRequest } from "../schemas.ts";
import { Warnings } from "../warnings.ts";

export const ping = defineRoute({
  method: "POST",
  path: "/ping",
  summary: "Test mTLS to hosts; show certificate expiry and version",
  description: "Asks every host in parallel. A host that fails gets a result, not an error.",
  request: pingRequest,
  requestExample: { hosts: ["web-01", "db-01:7450"] },
  answers: {
    200: {
      description: "A result for each host, in the order given.",
      schema: pingAnswer,
      example: {
        ok: true,
        results: [
          {
            host: "web-01",
            status: "ok",
            rtt: "8ms",
            expiry: "Jun  7 16:28:00 2027 GMT",
            version: "1.1.0",
            reqid: "a1b2c3d4e5f60718",
          },
        ],
      },
    },
  },
  async handle({ api, caller, body }) {
    const { controller } = api;
    const warnings = new Warnings();
    const results = await pingHosts(
      controller,
      caller,
      { ...body, port: undefined, onNote: warnings.onNote },
      {
        onResult: () => undefined,
        onSeen: (records) => renewSeen(controller, records),
      },
    );
    return success<typeof pingAnswer>({ ok: true, results, ...warnings.member });
  },
});
