import { listRuns } from "../../controller/runs/list-runs.ts";
import type { RunPlace } from "../../controller/store/ports/runs.ts";
import { parseSince } from "../../core/since.ts";
import { badRequest, success } from "../answer.ts";
import { defineRoute } from "../route.ts";
import { runsAnswer, runsQuery } from "../run-list-schemas.ts";

export const runs = defineRoute({
  method: "GET",
  path: "/runs",
  summary: "The recorded runs, newest first",
  description: [
    "Each parameter narrows the list. The auth hook is asked with the action read, once for each name under",
    "which the listed runs were submitted; runs that it hides from this caller are left out. A full page has",
    "next, with which the page after it can be asked for. Agents are asked about runs whose end has not been",
    "recorded, for at most five seconds.",
  ].join("\n"),
  query: runsQuery,
  answers: {
    200: {
      description: "The runs, without their output.",
      schema: runsAnswer,
      example: {
        ok: true,
        runs: [
          {
            reqid: "a1b2c3d4e5f60718",
            script: "deploy-app",
            submitter: "alice",
            started: "2026-01-15T12:00:00Z",
            completed: "2026-01-15T12:00:01Z",
            hosts: [{ host: "web-01", state: "ended", exit: 0, failed: false }],
          },
        ],
        unreadable: [],
      },
    },
  },
  async handle({ api, caller, query }) {
    const { host, script, user: submitter, failed, since, limit, after } = runsQuery.parse(query);
    const { now } = api.controller;
    const from = since === undefined ? undefined : parseSince(since, now());
    if (since !== undefined && from === undefined) {
      throw badRequest("since: expected 90s, 15m, 2h, 7d, 2026-01-15 or 2026-01-15T12:00:00Z");
    }
    const { runs, unreadable, next } = await listRuns(api.controller, caller, {
      limit: Number(limit),
      host,
      script,
      submitter,
      failed: failed === undefined ? undefined : true,
      since: from,
      after: after === undefined ? undefined : placeOf(after),
    });
    const page = next === undefined ? {} : { next: `${next.began}-${next.touched}-${next.reqid}` };
    return success<typeof runsAnswer>({ ok: true, runs, unreadable, ...page });
  },
});

function placeOf(next: string): RunPlace {
  const [began, touched, reqid = ""] = next.split("-");
  return { began: Number(began), touched: Number(touched), reqid };
}
