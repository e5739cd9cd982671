/** The messages about a run that was detached, and about what agents before 1.1 could not do. */

import type { OwnSetting } from "../../core/config/controller-config.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import type { RunResult } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { screenLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import type { RunView } from "./run-view.ts";

/** Only the reqid on stdout; on stderr the hosts that did not accept the run. */
export function letGoView(io: Io, own: OwnSetting): RunView {
  return {
    show: () => undefined,
    note: () => undefined,
    close({ reqid, results }) {
      io.out(`${reqid}\n`);
      for (const result of results) io.err(noteOn(result, own));
    },
    end: () => undefined,
  };
}

/** Whether the host has started the script. */
export function wasTaken({ state, error }: RunResult): boolean {
  return state === "ended" || (goesOn(state) && error === undefined);
}

function noteOn(result: RunResult, own: OwnSetting): string {
  const { host, script, error = "" } = result;
  if (!wasTaken(result)) {
    const why = withNextStep(error, own, script);
    if (result.state === "unknown") {
      return screenLine`ctrl-exec: ${host} did not say whether it has started the script: ${why}; an agent older than 1.1 answers only when the script has ended\n`;
    }
    return screenLine`ctrl-exec: ${host} did not accept the run: ${why}\n`;
  }
  return isOfOlderAgent(result)
    ? screenLine`ctrl-exec: ${host} cannot let go of a run, because its agent is older than 1.1: it was waited for, and has ended\n`
    : "";
}

/** For a run with --timeout: the hosts that do not know it. */
export function timeoutIgnored(results: readonly RunResult[]): string {
  const older = results.filter(isOfOlderAgent).map(({ host }) => host);
  if (older.length === 0) return "";
  return screenLine`ctrl-exec: --timeout did not limit the script on ${namedHosts(older)}: agents older than 1.1 do not know it\n`;
}

/** Since 1.1 an agent says when it has started a script. */
function isOfOlderAgent({ state, started }: RunResult): boolean {
  return state === "ended" && started === undefined;
}
