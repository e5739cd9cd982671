import type { z } from "zod";
import { orAll } from "../../controller/access/registered-hosts.ts";
import { discoverHosts } from "../../controller/inventory/discovery.ts";
import { type Answer, success } from "../answer.ts";
import { type Call, defineRoute } from "../route.ts";
import { discoveryAnswer, discoveryRequest } from "../schemas.ts";
import { Warnings } from "../warnings.ts";

const shared = {
  path: "/discovery",
  summary: "Which scripts hosts may run, and their tags",
  answers: {
    200: {
      description: "Every host by its name, with its port if two would otherwise look the same.",
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
  handle: (call) => discover(call, { except: [] }),
});

export const discoveryPost = defineRoute({
  ...shared,
  method: "POST",
  description: "Asks the named hosts, or every registered host.",
  request: discoveryRequest,
  bodyOptional: true,
  requestExample: { hosts: ["web-01"] },
  handle: (call) => discover(call, call.body),
});

async function discover(
  { api, caller }: Call,
  {
    hosts: typed = [],
    except,
    limit,
  }: Pick<z.output<typeof discoveryRequest>, "hosts" | "except" | "limit">,
): Promise<Answer> {
  const warnings = new Warnings();
  const { onNote } = warnings;
  const choice = orAll({ hosts: typed, except, limit, port: undefined, onNote });
  const asked = choice.hosts.length === 0 ? undefined : choice;
  const found = await discoverHosts(api.controller, caller, asked);
  const hosts = Object.fromEntries(found.map((host) => [host.host, host]));
  return success<typeof discoveryAnswer>({ ok: true, hosts, ...warnings.member });
}
