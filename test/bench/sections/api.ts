/** The HTTP face, with wrk. */

import { freePort } from "../../../src/system/net/free-port.ts";
import { BINARY } from "../../support/binary.ts";
import { number, times, withSpread } from "../figures.ts";
import { hostName } from "../hosts.ts";
import { findProgram, outputOf } from "../process.ts";
import type { SectionResult } from "../result.ts";
import { Service } from "../service.ts";
import type { Stage } from "../stage.ts";
import { type Summary, summarise } from "../statistics.ts";

const ROUNDS = 3;
const SECONDS = 2;
const CONNECTIONS = 20;

interface Load {
  readonly perSecond: Summary;
  readonly p99: Summary;
}

export async function api(stage: Stage): Promise<SectionResult> {
  const nothing = (why: string): SectionResult => ({
    text: "Requests per second with connections kept.",
    tables: [],
    aims: [],
    notMeasured: [why],
  });
  if (findProgram("wrk") === undefined) return nothing("API: wrk is not installed");
  const port = freePort();
  const config = stage.fleet.controlHost(1, [
    `api_port = ${port}`,
    "api_bind = 127.0.0.1",
    "api_auth_default = allow",
  ]);
  let server: Service;
  try {
    const argv = [BINARY, "api", "--config", config, "--log", "stderr"];
    server = await Service.start({ argv }, /ACTION=api-start/, "stderr");
  } catch (thrown) {
    const cause = thrown instanceof Error ? thrown.cause : thrown;
    return nothing(`API: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  await using running = server;
  await using agent = await stage.agent(0);
  void running;
  void agent;
  // The least that answers HTTP here, in this process; wrk has the other core.
  const bare = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.json({ ok: true }),
  });
  const url = `http://127.0.0.1:${port}`;
  const health = await load(stage, `${url}/health`);
  const limit = await load(stage, `http://127.0.0.1:${bare.port}/health`);
  await bare.stop(true);
  const ping = await load(stage, `${url}/ping`, JSON.stringify({ hosts: [hostName(0)] }));
  const rows = [
    ["GET /health", health],
    ["GET /health of an empty Bun.serve", limit],
    ["POST /ping, one host", ping],
  ] as const;
  return {
    text: `wrk with one thread and ${CONNECTIONS} kept connections, ${SECONDS} s per round.`,
    tables: [
      {
        title: "Requests per second of the API",
        header: ["request", "requests", "p99", "relative to the empty server"],
        rows: rows.map(([name, { perSecond, p99 }]) => [
          name,
          withSpread(perSecond, "/s"),
          withSpread(p99, "ms"),
          times(perSecond.median, limit.perSecond.median),
        ]),
      },
    ],
    aims: [],
    notMeasured: [],
  };
}

async function load(stage: Stage, url: string, body?: string): Promise<Load> {
  const script = stage.fleet.folder.write(
    "wrk.lua",
    [
      ...(body === undefined
        ? []
        : [
            'wrk.method = "POST"',
            `wrk.body = [[${body}]]`,
            'wrk.headers["Content-Type"] = "application/json"',
          ]),
      "done = function(summary, latency)",
      "  local failed = summary.errors.status + summary.errors.read + summary.errors.timeout",
      "  io.write(string.format('RESULT %d %d %f %d\\n',",
      "    summary.requests, summary.duration, latency:percentile(99), failed))",
      "end",
      "",
    ].join("\n"),
  );
  const perSecond: number[] = [];
  const p99: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const options = ["-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, "-s", script];
    const out = await outputOf({ argv: ["wrk", ...options, url] });
    const [, requests = 0, microseconds = 1, slow = 0, failed = 0] = (
      /RESULT (\d+) (\d+) ([\d.]+) (\d+)/.exec(out) ?? []
    ).map(Number);
    if (failed > 0 || requests === 0) {
      throw new Error(`${url}: ${number(failed)} of ${number(requests)} requests failed`);
    }
    if (round === 0) continue;
    perSecond.push((requests * 1e6) / microseconds);
    p99.push(slow / 1000);
  }
  return { perSecond: summarise(perSecond), p99: summarise(p99) };
}
