/** What the API takes on under this process's limit of descriptors (T65). */
import type { Controller } from "../controller/control-host.ts";
import { type ApiShares, apiShares } from "../core/descriptor-shares.ts";
import { descriptorLimit, workDescriptors } from "../system/process/descriptors.ts";

/** For this configuration: says so in the log when it leaves less than what is configured. */
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
