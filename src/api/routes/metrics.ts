import { CONTROL_GAUGES } from "../../core/metrics/control-gauges.ts";
import { CONTENT_TYPES, exposition, formatFor } from "../../core/metrics/exposition.ts";
import { series } from "../../core/metrics/metric.ts";
import { VERSION } from "../../core/version.ts";
import { authorizeRoute, defineRoute } from "../route.ts";

const ACCEPT = {
  name: "Accept",
  description: "If application/openmetrics-text is among its types, the answer is OpenMetrics.",
  example: "application/openmetrics-text",
};

export const metrics = defineRoute({
  method: "GET",
  path: "/metrics",
  summary: "The metrics, for Prometheus",
  description: [
    "Counters of what this control host has done, through the API and the command line, and the state of its",
    "fleet, in the text format of Prometheus or as OpenMetrics 1.0. No host is asked and none is named. The auth",
    "hook is asked with the action api. metrics_bind in ctrl-exec.conf serves the same on a separate address.",
  ].join("\n"),
  headers: [ACCEPT],
  answers: {
    200: {
      description: "The metrics; docs/METRICS.md lists them.",
      type: "text/plain",
      example: exposition(
        [series(CONTROL_GAUGES.build, { version: VERSION, commit: "" }, 1)],
        "classic",
      ),
    },
  },
  async handle(call) {
    await authorizeRoute(call);
    const format = formatFor(call.header("Accept"));
    const text = await call.api.metrics(format);
    return {
      status: 200,
      headers: {
        "Content-Type": CONTENT_TYPES[format],
        "Content-Length": String(Buffer.byteLength(text)),
        Vary: "Accept",
      },
      send: (reader) => reader.write(text),
    };
  },
});
