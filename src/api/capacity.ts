/** How much the API takes on within this process's limit of descriptors (T65). */
import type { Controller } from "../controller/control-host.ts";
import {
  type ApiShares,
  apiPairingShares,
  apiShares,
  type PairingPortShares,
} from "../core/descriptor-shares.ts";
import { descriptorLimit, workDescriptors } from "../system/process/descriptors.ts";

/** Logs a warning if the limit allows less than the configuration asks for. */
export function shareDescriptors(controller: Controller): ApiShares {
  const { config, log } = controller;
  const { api_max_requests } = config;
  const limit = descriptorLimit();
  const door = config.join ? pairingShare(controller).connections : 0;
  const ofHub = config.hub ? Math.floor(limit / 2) : 0;
  const shares = apiShares(limit - door - ofHub, api_max_requests);
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

/** The share of the pairing port, if the API holds it. */
export function pairingShare({ config: { pairing_max_queue } }: Controller): PairingPortShares {
  return apiPairingShares(descriptorLimit(), pairing_max_queue);
}
