/** Every route, in the order in which the documents show them. */
import type { Route } from "./route.ts";
import { cancel } from "./routes/cancel.ts";
import { discoveryGet, discoveryPost } from "./routes/discovery.ts";
import { health } from "./routes/health.ts";
import { openapi } from "./routes/openapi.ts";
import { openapiLive } from "./routes/openapi-live.ts";
import { ping } from "./routes/ping.ts";
import { index } from "./routes/root.ts";
import { run } from "./routes/run.ts";
import { runs } from "./routes/runs.ts";
import { status } from "./routes/status.ts";

export const ROUTES: readonly Route[] = [
  index,
  health,
  ping,
  run,
  discoveryGet,
  discoveryPost,
  status,
  runs,
  cancel,
  openapi,
  openapiLive,
];

export interface Match {
  /** By method; HEAD is listed with GET. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly parameter: string;
}

/** The routes of a path, compared as received: nothing is decoded, so nothing can be read in two ways (T04). */
export function matchPath(path: string): Match | undefined {
  const found = ROUTES.flatMap((route) => {
    const parameter = parameterOf(route.path, path);
    return parameter === undefined ? [] : [{ route, parameter }];
  });
  const [first] = found;
  if (first === undefined) return undefined;
  const routes = new Map<string, Route>();
  for (const { route } of found) {
    routes.set(route.method, route);
    if (route.method === "GET") routes.set("HEAD", route);
  }
  return { routes, parameter: first.parameter };
}

/** The value of `{reqid}`; an empty string for a path without one. */
function parameterOf(pattern: string, path: string): string | undefined {
  if (pattern === path) return "";
  const [before = "", after] = pattern.split("{reqid}");
  if (after === undefined || !path.startsWith(before) || !path.endsWith(after)) return undefined;
  const parameter = path.slice(before.length, path.length - after.length);
  return parameter === "" || parameter.includes("/") ? undefined : parameter;
}
