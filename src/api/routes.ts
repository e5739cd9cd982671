/** Every route, in the order in which the documents show them. */
import type { PathParameters, Route } from "./route.ts";
import { cancel } from "./routes/cancel.ts";
import { discoveryGet, discoveryPost } from "./routes/discovery.ts";
import { events, runEvents } from "./routes/events.ts";
import { health } from "./routes/health.ts";
import { metrics } from "./routes/metrics.ts";
import { openapi } from "./routes/openapi.ts";
import { openapiLive } from "./routes/openapi-live.ts";
import { output } from "./routes/output.ts";
import { goOn, pause } from "./routes/pause.ts";
import { ping } from "./routes/ping.ts";
import { resume } from "./routes/resume.ts";
import { index } from "./routes/root.ts";
import { run } from "./routes/run.ts";
import { runs } from "./routes/runs.ts";
import { oneRun, status } from "./routes/status.ts";
import { createToken, listTokens, revokeToken } from "./routes/tokens.ts";

export const ROUTES: readonly Route[] = [
  index,
  health,
  metrics,
  ping,
  run,
  discoveryGet,
  discoveryPost,
  status,
  runs,
  oneRun,
  cancel,
  pause,
  goOn,
  resume,
  runEvents,
  output,
  events,
  createToken,
  listTokens,
  revokeToken,
  openapi,
  openapiLive,
];

export interface Match {
  /** By method; HEAD is listed with GET. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly parameters: PathParameters;
}

/** The routes of a path, compared as received: nothing is decoded, so nothing can be read in two ways (T04). */
export function matchPath(path: string): Match | undefined {
  const found = ROUTES.flatMap((route) => {
    const parameters = parametersIn(path, route.path);
    return parameters === undefined ? [] : [{ route, parameters }];
  });
  const [first] = found;
  if (first === undefined) return undefined;
  const routes = new Map<string, Route>();
  for (const { route } of found) {
    routes.set(route.method, route);
    if (route.method === "GET") routes.set("HEAD", route);
  }
  return { routes, parameters: first.parameters };
}

const PARAMETERS = new Map<string, keyof PathParameters>([
  ["{reqid}", "reqid"],
  ["{host}", "host"],
  ["{id}", "id"],
]);

/** Undefined if the path is not of this form. */
function parametersIn(path: string, form: string): PathParameters | undefined {
  const [segments, wanted] = [path.split("/"), form.split("/")];
  if (segments.length !== wanted.length) return undefined;
  const parameters = { reqid: "", host: "", id: "" };
  for (const [index, segment] of segments.entries()) {
    const name = wanted[index] ?? "";
    const parameter = PARAMETERS.get(name);
    if (parameter !== undefined) {
      if (segment === "") return undefined;
      parameters[parameter] = segment;
    } else if (segment !== name) return undefined;
  }
  return parameters;
}
