/**
 * Outputs that agents send later. Several processes may ask at once: each writes its own files, and those of the
 * process that records the result become the files of the record (amend-run.ts).
 */
import { rmSync } from "node:fs";
import { temporaryFor } from "../../system/files/temporary-file.ts";
import type { StoreContext } from "./host.ts";
import type { LateOutputs, RunFacts } from "./ports/runs.ts";
import { RunOutputs } from "./run-outputs.ts";

/** As the port describes it (RunStore.lateOutputs). */
export function openLateOutputs(
  context: StoreContext,
  { reqid, hosts }: Pick<RunFacts, "reqid" | "hosts">,
): LateOutputs {
  const made: string[] = [];
  // The agents hide the token: no process here knows it any more.
  const outputs = new RunOutputs(context, { reqid, hosts, token: "" }, (path) => {
    const temporary = temporaryFor(path);
    made.push(temporary);
    return temporary;
  });
  return {
    of: (host, share) => outputs.of(host, share),
    async [Symbol.asyncDispose]() {
      outputs.close();
      for (const path of made) rmSync(path, { force: true });
    },
  };
}
