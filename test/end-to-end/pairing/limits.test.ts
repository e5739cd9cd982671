/** pairing-mode when the host runs out of something. */
import { expect, test } from "bun:test";
import { connect } from "node:net";
import { Running, runCommand } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { PairingStranger, pairingRequest } from "../../support/pairing-stranger.ts";
import { openFiles } from "../../support/processes.ts";

test("T65 pairing-mode needs no inotify instance: other programs may have used them up", async () => {
  await using control = await ControlHost.create();
  // In an ordinary user's namespace root's folders belong to nobody, and are refused for that. There, and where
  // none may be made, the descriptors alone tell.
  const { status } = await runCommand(["true"], { withoutInotify: true });
  const options = { withoutInotify: status === 0 && process.getuid?.() === 0 };
  const pairing = new Running("ctrl-exec", control.withSetting(["pairing-mode"]), options);
  const [, port] = await pairing.seen(/Waiting for pairing requests on port (\d+)/);
  expect(openFiles(pairing.child.pid)).not.toContain("anon_inode:inotify");
  const agent = await control.addAgent("web-01");
  const asking = agent.run("request-pairing", agent.pairingArgs(Number(port)));
  await control.mustRun("approve", [await control.requestFor("web-01")]);
  expect((await asking).status).toBe(0);
  expect(await pairing.stop()).toBe(0);
});

test("T21 ten addresses that fill the queue keep out neither strangers to them nor their neighbours", async () => {
  await using control = await ControlHost.create();
  const port = await control.pairingPort();
  const bytes = await pairingRequest("evil");
  const evil: PairingStranger[] = [];
  for (let n = 1; n <= 10; n++) {
    const stranger = new PairingStranger(port, bytes, `127.9.9.${n}`);
    expect((await stranger.answered()).status).toBe("pending");
    evil.push(stranger);
  }
  using elsewhere = new PairingStranger(port, await pairingRequest("web-01"), "127.8.8.1");
  expect((await elsewhere.answered()).status).toBe("pending");
  using neighbour = new PairingStranger(port, await pairingRequest("web-02"), "127.9.9.200");
  expect((await neighbour.answered()).status).toBe("pending");
  const reason = "pushed out of the full pairing queue by newer requests";
  expect(await evil[0]?.decided()).toMatchObject({ status: "denied", reason });
  expect(await evil[1]?.decided()).toMatchObject({ status: "denied", reason });
  const { fields } = await control.log.seen("pair-evict");
  expect(fields).toMatchObject({ AGENT: "evil", IP: "127.9.9.1" });
  const late = await control.run("approve", [fields.REQID ?? ""]);
  expect(late.status).toBe(1);
  expect(late.err).toContain("newer requests have pushed it out of the full queue");
  // However many more of their addresses come, the other network keeps its request.
  for (let n = 11; n <= 40; n++) {
    using stranger = new PairingStranger(port, bytes, `127.9.9.${n}`);
    expect((await stranger.answered()).status).toBe("pending");
  }
  expect(elsewhere.closed).toBe(false);
  await control.mustRun("approve", [await control.requestFor("web-01")]);
  expect((await elsewhere.decided()).status).toBe("approved");
  for (const stranger of evil) stranger[Symbol.dispose]();
});

test("T21 many addresses that hold the port and say nothing keep nobody out", async () => {
  await using control = await ControlHost.create();
  const port = await control.pairingPort();
  const silent = await Promise.all(
    Array.from({ length: 60 }, async (_, n) => {
      const socket = connect({ host: "127.0.0.1", port, localAddress: `127.1.${n}.1` });
      socket.on("error", () => undefined);
      await new Promise((resolve) => socket.once("connect", resolve));
      return socket;
    }),
  );
  using honest = new PairingStranger(port, await pairingRequest("web-01"), "127.8.8.1");
  expect((await honest.answered()).status).toBe("pending");
  for (const socket of silent) socket.destroy();
});

test("T21 a request that waits may be followed by a blank line, and not by bytes without end", async () => {
  await using control = await ControlHost.create();
  const port = await control.pairingPort();
  using flood = new PairingStranger(port, await pairingRequest("evil"));
  using honest = new PairingStranger(port, await pairingRequest("web-01"));
  expect((await flood.answered()).status).toBe("pending");
  expect((await honest.answered()).status).toBe("pending");
  honest.send("\r\n");
  flood.send("x".repeat(2 ** 20));
  await until("the flood is cut off", () => flood.closed);
  const { fields } = await control.log.seen("pair-reject");
  expect(fields).toMatchObject({ IP: "127.0.0.1", REASON: "more bytes than a pairing needs" });
  await until("its request is taken back", async () => {
    return !(await control.requests()).some(({ hostname }) => hostname === "evil");
  });
  await control.mustRun("approve", [await control.requestFor("web-01")]);
  expect((await honest.decided()).status).toBe("approved");
});
