import { discoverHosts } from "../../controller/inventory/discovery.ts";
import { type Answer, success } from "../answer.ts";
import { type Call, defineRoute } from "../route.ts";
import { discoveryAnswer, discoveryRequest } from "../schemas.ts";

const shared = {
  path: "/discovery",
  summary: "What hosts may run, and their tags",
  answers: {
    200: {
      description: "Every host by name, with its port if two would look the same.",
      schema: discoveryAnswer,
      example: {
        ok: true,
        hosts: {
          "web-01": {
            host: "web-01",
            status: "ok",
            version: "1.1.0",
            rtt: "9ms",
            scripts: [{ name: "deploy-app", path: "/opt/scripts/deploy.sh", executable: true }],
            tags: { env: "production" },
          },
        },
      },
    },
  },
} as const;

export const discoveryGet = defineRoute({
  ...shared,
  method: "GET",
  description: "Asks every registered host.",
  handle: (call) => discover(call, undefined),
});

export const discoveryPost = defineRoute({
  ...shared,
  method: "POST",
  description: "Asks the named hosts, or every registered host.",
  request: discoveryRequest,
  bodyOptional: true,
  requestExample: { hosts: ["web-01"] },
  handle: (call) => discover(call, call.body.hosts),
});

async function discover(
  { api, caller }: Call,
  typed: readonly string[] | undefined,
): Promise<Answer> {
  const found = await discoverHosts(api.controller, caller, typed);
  const hosts = Object.fromEntries(found.map((host) => [host.host, host]));
  return success<typeof discoveryAnswer>({ ok: true, hosts });
}
