/** pairing-mode when the host runs out of something. */
import { expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { Running, runCommand } from "../support/binary.ts";
import { ControlHost } from "../support/fleet.ts";

test("T65 pairing-mode needs no inotify instance: other programs may have used them up", async () => {
  await using control = await ControlHost.create();
  // Where no user namespace may be made, the descriptors tell.
  const { status } = await runCommand(["true"], { withoutInotify: true });
  const options = { withoutInotify: status === 0 };
  const pairing = new Running("ctrl-exec", control.withSetting(["pairing-mode"]), options);
  const [, port] = await pairing.seen(/Waiting for pairing requests on port (\d+)/);
  expect(openFiles(pairing.child.pid)).not.toContain("anon_inode:inotify");
  const agent = await control.addAgent("web-01");
  const asking = agent.run("request-pairing", agent.pairingArgs(Number(port)));
  await control.mustRun("approve", [await control.requestFor("web-01")]);
  expect((await asking).status).toBe(0);
  expect(await pairing.stop()).toBe(0);
});

/** What the descriptors of a process lead to. */
function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((number) => readlinkSync(`${folder}/${number}`));
}
