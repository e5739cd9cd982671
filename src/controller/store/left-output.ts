/**
 * What the process of a run has written of a host's output but not named in its record, because it was killed or gave
 * up.
 */
import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { Outputs } from "../../core/output-bytes.ts";
import type { OutputStream } from "../../core/run-event.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { OutputFile, outputName, outputSize } from "./output-file.ts";
import { paths } from "./paths.ts";

/** The beginning of each stream, without gaps; empty if the stream was not long enough for a file. */
export function leftOutput(
  config: ControllerConfig,
  { reqid, hosts }: Pick<RunReportSoFar, "reqid" | "hosts">,
  host: string,
): Outputs {
  const beginningOf = (stream: OutputStream) => {
    const path = join(paths(config).runs, outputName(reqid, hosts.indexOf(host), stream));
    const size = outputSize(path) ?? 0;
    return size === 0 ? "" : new OutputFile(path, size);
  };
  return { stdout: beginningOf("stdout"), stderr: beginningOf("stderr") };
}
