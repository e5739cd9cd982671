/** The program that an agent starts for its scripts; nobody types it. */
import { serveAgent } from "../agent/shim/shim.ts";
import { startWorkerThreads } from "../system/process/helper-threads.ts";
import { takeSignals } from "../system/process/own-signals.ts";
import { nameProcess } from "../system/process/process-name.ts";
import { outliveStops } from "./command/stop-signals.ts";

export async function shim(): Promise<number> {
  takeSignals();
  // The end of its agent is not its own end, nor is that of the service's other processes: it ends after its last
  // job.
  outliveStops();
  nameProcess("ctrl-exec-shim");
  await startWorkerThreads();
  await serveAgent(Bun.stdin.stream(), Bun.stdout.writer());
  return 0;
}
