/** A run owns its share of what replies may hold: nobody above it gives anything back. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import { startRun } from "../../../../src/controller/runs/start-run.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { http10, onRequest, Peer } from "../../../support/peers.ts";

test("T29 results count among what is held until the run has ended and nobody needs them", async () => {
  await using fleet = await LocalFleet.create(["max_replies = 200K"]);
  const away = await fleet.addAgent("web-01");
  await away.stop();
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(away.path(name), "utf8"),
  );
  const mayAnswer = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let asked = 0;
  await using peer = await Peer.tls({ cert, key }, (socket) => {
    onRequest(socket, async () => {
      const turn = mayAnswer[asked];
      asked += 1;
      await turn?.promise;
      socket.end(http10({ exit: 0, stdout: "x".repeat(40_000), stderr: "" }));
    });
  });
  const dialler = new KeptDialler();
  const controller = { ...fleet.controller, dialler };
  /** Whether one answer may have the most that any may have, which it may only where nothing else is held. */
  const allIsFree = () => {
    const account = dialler.budget(controller.config).open();
    const isFree = account.openReply().hold(16_384 + 150_000);
    account.close();
    return isFree;
  };
  const order = { hosts: [`web-01:${peer.port}`], port: undefined, script: "count", args: [] };
  const nobodyElse = () => undefined;

  const needed = Promise.withResolvers<void>();
  const waitedFor = await startRun(controller, CALLER, order, nobodyElse, needed.promise);
  mayAnswer[0]?.resolve();
  expect((await waitedFor.finished).results).toMatchObject([{ exit: 0, state: "ended" }]);
  await Bun.sleep(0);
  expect(allIsFree()).toBe(false);
  needed.resolve();
  await until("they are let go", allIsFree);

  // Who asked has gone before there is an answer: it is taken all the same, and then let go.
  const alone = await startRun(controller, CALLER, order, nobodyElse, Promise.resolve());
  await until("it is asked", () => asked === 2);
  mayAnswer[1]?.resolve();
  expect((await alone.finished).results).toMatchObject([{ exit: 0, state: "ended" }]);
  await until("they are let go", allIsFree);
});
