/** How much the API takes on within this process's limit of descriptors (T65). */
import type { Controller } from "../controller/control-host.ts";
import { type ApiShares, apiShares } from "../core/descriptor-shares.ts";
import { descriptorLimit, workDescriptors } from "../system/process/descriptors.ts";

/** Logs a warning if the limit allows less than the configuration asks for. */
export function shareDescriptors({ config: { api_max_requests }, log }: Controller): ApiShares {
  const limit = descriptorLimit();
  const shares = apiShares(limit, api_max_requests);
  workDescriptors().resize(shares.work);
  if (shares.requests < api_max_requests) {
    log({
      event: "config-warn",
      key: "api_max_requests",
      msg: `ulimit -n ${limit} leaves room for ${shares.requests} requests at once`,
    });
  }
  return shares;
}
