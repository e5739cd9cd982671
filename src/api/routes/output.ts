import { OutputReader } from "../../controller/runs/output-reader.ts";
import { openRunLog } from "../../controller/runs/run-log.ts";
import { type Answer, Refused, refusal } from "../answer.ts";
import { partOf, readRange } from "../byte-range.ts";
import { type Call, defineRoute } from "../route.ts";
import { errorAnswer } from "../schemas.ts";
import { outputQuery } from "../stream-schemas.ts";
import { unlessHidden } from "./status.ts";

const BYTES = "application/octet-stream";

const RANGE = {
  name: "Range",
  description: "One range: bytes=0-99, bytes=100-, or bytes=-100 for the last ones.",
  example: "bytes=0-99",
};

export const output = defineRoute({
  method: "GET",
  path: "/runs/{reqid}/output/{host}",
  summary: "The output of a run on one host, as bytes",
  description: [
    "One of the two streams, from the record or, if the run has not ended, or its end or some of its output has not",
    "been recorded, from the agent. X-Ctrl-Exec-Complete says whether that is all of it: while the script is running, a later",
    "request returns more. One range of bytes can be asked for (RFC 9110, section 14); a request for several is",
    "answered with the whole. The auth hook is asked with the action read.",
  ].join("\n"),
  query: outputQuery,
  headers: [RANGE],
  streams: true,
  answers: {
    200: {
      description: "Everything there is so far.",
      type: BYTES,
      headers: ["Accept-Ranges", "X-Ctrl-Exec-Complete", "X-Ctrl-Exec-Dropped"],
    },
    206: {
      description: "The range; * in Content-Range while more may come.",
      type: BYTES,
      headers: ["Accept-Ranges", "Content-Range", "X-Ctrl-Exec-Complete", "X-Ctrl-Exec-Dropped"],
    },
    416: {
      description: "No byte of the range exists, or not yet.",
      schema: errorAnswer,
      example: {
        ok: false,
        error: "range not satisfiable",
        detail: "the output has 42 bytes so far",
      },
      headers: ["Accept-Ranges", "Content-Range", "X-Ctrl-Exec-Complete", "X-Ctrl-Exec-Dropped"],
    },
    502: {
      description: "The output is with the host's agent, which could not be asked.",
      schema: errorAnswer,
      example: { ok: false, error: "unreachable", detail: "web-01: connection refused" },
    },
  },
  async handle(call) {
    const { api, caller, parameters, query } = call;
    const { reqid } = parameters;
    const log = await unlessHidden(reqid, () => openRunLog(api.controller, caller, reqid));
    void api.answered.then(() => log.close());
    const host = hostOf(parameters.host, log.report.hosts);
    if (host === undefined) throw notFound(`run ${reqid} was not sent to such a host`);
    const { stream } = outputQuery.parse(query);
    return await answerWith(call, new OutputReader(log, host, stream), host, log.alive);
  },
});

function notFound(detail: string): Refused {
  return new Refused(refusal(404, "not found", detail));
}

/** Percent-encoded as in a URL: in a host's name, only the zone needs that (`%25`). */
function hostOf(written: string, hosts: readonly string[]): string | undefined {
  try {
    const host = decodeURIComponent(written);
    return hosts.find((each) => each === host);
  } catch {
    return undefined;
  }
}

async function answerWith(
  { header, head, over }: Call,
  output: OutputReader,
  host: string,
  alive: boolean,
): Promise<Answer> {
  // RFC 9110: a range is only for GET, and not for a client that has part of something older: there is no validator.
  const wanted = head || header("If-Range") !== undefined ? undefined : header("Range");
  const range = readRange(wanted);
  const near = range !== undefined && "first" in range ? range.first : 0;
  const found = await output.extent(near, over);
  const nothingYet = { length: 0, complete: false, dropped: 0 };
  // Its agent has not received the run yet, or is older than 1.1 and sends the output with the result.
  const extent = "why" in found && found.answered && alive ? nothingYet : found;
  if ("why" in extent) {
    if (extent.answered) throw notFound(`the output of ${host} is not kept: ${extent.why}`);
    throw new Refused(refusal(502, "unreachable", extent.why));
  }
  const { length, complete, dropped } = extent;
  const headers = {
    "Accept-Ranges": "bytes",
    "X-Ctrl-Exec-Complete": String(complete),
    "X-Ctrl-Exec-Dropped": String(dropped),
  };
  const part = partOf(range, length);
  if (part === undefined) {
    const unmet = { ...headers, "Content-Range": `bytes */${length}` };
    const bytes = length === 1 ? "1 byte" : `${length} bytes`;
    return refusal(416, "range not satisfiable", `the output has ${bytes} so far`, unmet);
  }
  const { first, end } = part;
  // A range of nothing cannot be expressed.
  const partial = range !== undefined && end > first;
  const place = `bytes ${first}-${end - 1}/${complete ? length : "*"}`;
  return {
    status: partial ? 206 : 200,
    headers: {
      ...headers,
      "Content-Type": BYTES,
      "Content-Length": String(end - first),
      ...(partial ? { "Content-Range": place } : {}),
    },
    async send(reader) {
      const whole = await output.bytes(part, reader.signal, (bytes) => reader.write(bytes));
      if (!whole || reader.signal.aborted) throw new Error("not all of it could be read again");
    },
  };
}
