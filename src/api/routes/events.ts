import { openRunLog, type RunLog } from "../../controller/runs/run-log.ts";
import { type Answer, badRequest } from "../answer.ts";
import { readEventId, startOf } from "../event-id.ts";
import { sendEvents } from "../event-stream.ts";
import { type Call, defineRoute } from "../route.ts";
import { eventsQuery, runMessage } from "../stream-schemas.ts";
import { unlessHidden } from "./status.ts";

const EVENT_STREAM = "text/event-stream";

const LAST_EVENT_ID = {
  name: "Last-Event-ID",
  description:
    "The id of the last message that was received: the stream goes on after it. If left out, the stream starts from the beginning.",
  example: "R4-0",
};

const EXAMPLE = [
  "id: R4-0",
  'data: {"event":"stdout","host":"web-01","stream":"stdout","offset":0,"data":"one\\n","reqid":"a1b2c3d4e5f60718"}',
  "",
  "",
].join("\n");

const ANSWERS = {
  200: {
    description:
      "Each message has an id, and one of these objects as its data. The stream ends after the last summary.",
    type: EVENT_STREAM,
    schema: runMessage,
    example: EXAMPLE,
  },
  204: {
    description: "Last-Event-ID is the id of the last message: nothing more will come.",
  },
} as const;

export const runEvents = defineRoute({
  method: "GET",
  path: "/runs/{reqid}/events",
  summary: "The output of a run on its hosts, as it comes",
  description: [
    "Server-Sent Events, from the first byte on: start, stdout, stderr and end of each host, then a summary.",
    "With Last-Event-ID, which browsers send, a new stream goes on where the old one broke off: no byte comes",
    "twice and none is missing, whatever was restarted in the meantime. A comment is sent after 10 s of silence.",
    "The auth hook is asked once, at the beginning, with the action read. The connection to a client that takes",
    "nothing for two minutes is closed.",
  ].join("\n"),
  headers: [LAST_EVENT_ID],
  streams: true,
  answers: ANSWERS,
  handle: async (call) => await openEvents(call, [call.parameters.reqid]),
});

export const events = defineRoute({
  method: "GET",
  path: "/events",
  summary: "Several runs in one stream",
  description: [
    "As /runs/{reqid}/events; each message names its run. The auth hook is asked once for each run, and",
    "the stream begins only if all of them may be read.",
  ].join("\n"),
  query: eventsQuery,
  headers: [LAST_EVENT_ID],
  streams: true,
  answers: ANSWERS,
  async handle(call) {
    const reqids = eventsQuery.parse(call.query).runs.split(",");
    if (new Set(reqids).size < reqids.length) throw badRequest("runs: a run is named twice");
    return await openEvents(call, reqids);
  },
});

async function openEvents(call: Call, reqids: readonly string[]): Promise<Answer> {
  const { api, caller } = call;
  const logs: RunLog[] = [];
  for (const reqid of reqids) {
    const log = await unlessHidden(reqid, () => openRunLog(api.controller, caller, reqid));
    void api.answered.then(() => log.close());
    logs.push(log);
  }
  const hosts = logs.map(({ report }) => report.hosts.length);
  const id = call.header("Last-Event-ID");
  const positions = id === undefined ? hosts.map(startOf) : readEventId(id, hosts);
  // What a stream has said is in the record.
  const isImpossible = positions?.some(
    ({ told }, run) => told > (logs[run]?.rollout.toldSoFar ?? 0),
  );
  if (positions === undefined || isImpossible) {
    throw badRequest("the header Last-Event-ID is not an id that a stream of these runs has had");
  }
  if (positions.every(({ over }) => over)) {
    return { status: 204, headers: {}, send: async () => undefined };
  }
  const runs = logs.flatMap((log, index) => {
    const position = positions[index];
    return position === undefined ? [] : [{ log, position }];
  });
  const following = { parallel: api.followedHosts, now: api.controller.now };
  return {
    status: 200,
    headers: {
      "Content-Type": EVENT_STREAM,
      // Proxies would hold it back.
      "X-Accel-Buffering": "no",
    },
    send: (reader) => sendEvents(runs, following, reader),
  };
}
