import { authorize } from "../controller/access/authorize.ts";
import type { Call } from "./route.ts";

/** For the informational routes: asks the hook, with the action `api` (T25). */
export async function authorizeRoute({ api, caller }: Call): Promise<void> {
  await authorize(api.controller, caller, { action: "api", script: "", hosts: [], args: [] });
}
