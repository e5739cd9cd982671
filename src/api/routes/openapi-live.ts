import { everyHost } from "../../controller/access/authorized-targets.ts";
import type { Controller } from "../../controller/control-host.ts";
import { scanCapabilities } from "../../controller/inventory/discovery.ts";
import { isReservedScript } from "../../core/reserved-script.ts";
import type { DiscoveredHost } from "../../core/results.ts";
import { success } from "../answer.ts";
import { liveDocument } from "../openapi.ts";
import { authorizeRoute, defineRoute } from "../route.ts";
import { openapiAnswer } from "../schemas.ts";

export const openapiLive = defineRoute({
  method: "GET",
  path: "/openapi-live.json",
  summary: "The same document, with the registered hosts and the scripts they have",
  description: "Asks every registered host. For programs that offer a choice of hosts and scripts.",
  answers: {
    200: { description: "The document.", schema: openapiAnswer, example: { openapi: "3.1.0" } },
  },
  async handle(call) {
    await authorizeRoute(call);
    const { controller, routes } = call.api;
    const found = await scanOnce(controller);
    // The allowed values; a run would start no others.
    const scripts = found
      .flatMap((host) => host.scripts.filter(({ executable }) => executable))
      .map(({ name }) => name)
      .filter((name) => !isReservedScript(name));
    return success(
      liveDocument(routes, {
        hosts: found.map(({ host }) => host),
        scripts: [...new Set(scripts)].sort(),
        time: controller.now(),
      }),
    );
  },
});

const scans = new WeakMap<Controller, Promise<DiscoveredHost[]>>();

/** Requests that arrive while the fleet is being asked share the answer. */
function scanOnce(controller: Controller): Promise<DiscoveredHost[]> {
  const under = scans.get(controller);
  if (under !== undefined) return under;
  const scan = everyHost(controller)
    .then((hosts) => scanCapabilities(controller, hosts))
    .finally(() => scans.delete(controller));
  scans.set(controller, scan);
  return scan;
}
