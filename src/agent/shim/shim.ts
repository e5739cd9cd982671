/**
 * The parent of all scripts of an agent. It outlives the agent, so that a restart or an upgrade of the agent, even
 * one made by a script, costs no output and no exit status. It can do nothing but start scripts and watch them.
 */
import { adoptOrphans, reapOrphans } from "../../system/process/orphans.ts";
import { messagesIn, type StartMessage } from "../jobs/shim-messages.ts";
import type { Room } from "./kept-stream.ts";
import { Reports, type Sink } from "./reports.ts";
import { runJob } from "./shim-job.ts";
import { Stays } from "./stays.ts";

/** Resolves when the agent has closed the connection, or ended, and no job runs. */
export async function serveAgent(input: AsyncIterable<Uint8Array>, output: Sink): Promise<void> {
  adoptOrphans();
  reapOrphans();
  const room: Room = { total: 0, held: 0 };
  const stays = new Stays();
  const reports = new Reports(output);
  const running = new Set<Promise<void>>();
  reports.send({ kind: "ready" });
  for await (const message of messagesIn<StartMessage>(input)) {
    room.total = message.room;
    const job = runJob(message, room, reports, stays).finally(() => running.delete(job));
    running.add(job);
  }
  while (running.size > 0) await Promise.all(running);
}
