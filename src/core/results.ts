/** One host's answer to a ping and to a discovery, as on the screen, in `--json` and in the API. */
import * as z from "zod/mini";
import type { Frozen } from "./json.ts";
import { RUN_RESULT_WORDS, runResult } from "./run-result.ts";

const text = z.string();
const rtt = text.check(z.describe(RUN_RESULT_WORDS.rtt));
const status = z.enum(["ok", "error"]);
const failure = z
  .exactOptional(text)
  .check(z.describe("Why there is no answer; absent if there is one."));

export const pingResult = z.object({
  host: text,
  status,
  rtt,
  expiry: text.check(z.describe("When the agent's certificate ends: Jun  7 16:28:00 2027 GMT.")),
  version: text,
  reqid: runResult.shape.reqid.check(z.describe(RUN_RESULT_WORDS.reqid)),
  error: failure,
  via: z
    .exactOptional(text)
    .check(z.describe("The hub through which the host was called; absent if that was direct.")),
  via_since: z
    .exactOptional(text)
    .check(z.describe("Since when the host is connected to that hub, ISO 8601.")),
  clock_offset: z
    .exactOptional(z.int())
    .check(
      z.describe(
        "By how many seconds the host's clock is ahead of this one's, if that is a minute or more.",
      ),
    ),
});
export type PingResult = Frozen<z.output<typeof pingResult>>;

const discoveredScript = z.object({ name: text, path: text, executable: z.boolean() });

/** What one host says about itself. */
export const discoveredHost = z.object({
  host: text,
  status,
  version: text,
  rtt,
  scripts: z.array(discoveredScript),
  tags: z.record(text, text),
  error: failure,
});
export type DiscoveredHost = Frozen<z.output<typeof discoveredHost>>;
