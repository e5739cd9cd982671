/**
 * Outputs that agents tell of later. Several processes may ask at once: each writes files of its own, and those of the
 * one that records the result become those of the record (amend-run.ts).
 */
import { rmSync } from "node:fs";
import { temporaryFor } from "../../system/files/temporary-file.ts";
import type { StoreContext } from "./host.ts";
import type { LateOutputs, RunFacts } from "./ports/runs.ts";
import { RunOutputs } from "./run-outputs.ts";

/** As the port says (RunStore.lateOutputs). */
export function openLateOutputs(
  context: StoreContext,
  { reqid, hosts }: Pick<RunFacts, "reqid" | "hosts">,
): LateOutputs {
  const made: string[] = [];
  // The agents hide the token: nobody knows it here any more.
  const outputs = new RunOutputs(context, { reqid, hosts, token: "" }, (path) => {
    const temporary = temporaryFor(path);
    made.push(temporary);
    return temporary;
  });
  return {
    of: (host, share) => outputs.of(host, share),
    [Symbol.dispose]() {
      outputs.close();
      for (const path of made) rmSync(path, { force: true });
    },
  };
}
