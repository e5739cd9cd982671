/** A run whose process has gone, and what the agents say of it when they are asked. */
import { readFileSync, utimesSync } from "node:fs";
import { showRun } from "../../src/controller/runs/status.ts";
import { withoutResult } from "../../src/core/run-result.ts";
import { CALLER, LocalFleet } from "./local-fleet.ts";
import { onRequest, Peer } from "./peers.ts";

export const LEFT_REQID = "0123456789abcdef";

export interface LeftRun {
  /** Recorded as running there, when its process gave up; otherwise nothing is. */
  readonly isLetGo?: boolean;
  readonly submitter?: string;
}

/** A run on web-01 whose process has ended without its result; `answers` stands in for the agent. */
export async function leftRun(
  answers: (line: string) => string | Promise<string>,
  how: LeftRun = {},
) {
  const { isLetGo = false, submitter = "tester" } = how;
  const fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(agent.path(name), "utf8"),
  );
  const asked: string[] = [];
  const peer = await Peer.tls({ cert, key }, (socket) =>
    onRequest(socket, async (head) => {
      const line = head.split(" HTTP")[0] ?? "";
      asked.push(line);
      socket.end(await answers(line));
    }),
  );
  const facts = { reqid: LEFT_REQID, script: "deploy", submitter, token: "" };
  const { runs } = fleet.controller.store;
  const record = await runs.begin({ ...facts, hosts: ["web-01"], ports: [peer.port] }, true);
  await record.stored;
  if (isLetGo) {
    record.add(withoutResult(facts, "web-01", "", { state: "running" }));
    await record.close();
  } else record.discard();
  const file = fleet.folder.join("control", "state", "runs", `${LEFT_REQID}.json`);
  /** As if its process had ended so long ago. */
  const age = (seconds: number) => {
    // By the clock of the control host, which stands still.
    const then = new Date(fleet.now.getTime() - seconds * 1000);
    utimesSync(file, then, then);
  };
  if (!isLetGo) age(61);
  const show = (live = false) => showRun(fleet.controller, CALLER, { reqid: LEFT_REQID, live });
  const dispose = async () => {
    await peer[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  };
  return { fleet, asked, age, show, file, [Symbol.asyncDispose]: dispose };
}
