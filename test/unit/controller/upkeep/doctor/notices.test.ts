/** What doctor says of notices that nobody has taken. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { noticeFindings } from "../../../../../src/controller/upkeep/doctor/notices.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";
import { receiverFile } from "../../../../support/notice-receiver.ts";

test("where nobody is to be told anything, nothing is said and nothing is made", async () => {
  await using fleet = await LocalFleet.bare();
  expect(await noticeFindings(fleet.controller)).toEqual([]);
  expect(existsSync(fleet.folder.join("control/state"))).toBe(false);
});

test("what waits for long is named with its receivers, and since when", async () => {
  await using fleet = await LocalFleet.bare();
  fleet.folder.write("control/notify.d/pager.toml", receiverFile('program = ["/bin/true"]'));
  const said = async () => {
    return (await noticeFindings(fleet.controller)).map(({ ok, detail }) => [ok, detail]);
  };
  expect(await said()).toEqual([[true, "none waits for its receiver"]]);
  const since = new Date("2026-01-15T12:00:00Z");
  const { notices } = fleet.controller.store;
  for (const receiver of ["pager", "chat"]) {
    await notices.add({ id: "0123456789abcdef", kind: "run-failed", receiver, since }, "{}");
  }
  expect(await said()).toEqual([
    [false, "2 wait for chat, pager, the first since Jan 15 12:00:00 2026 GMT"],
  ]);
  for (const each of await notices.waiting()) await notices.remove(each);
  await notices.add(
    { id: "0123456789abcdef", kind: "run-failed", receiver: "pager", since: fleet.now },
    "{}",
  );
  expect(await said()).toEqual([[true, "1 wait, none of them for long"]]);
});

test("what was told and is damaged is named, with what to do", async () => {
  await using fleet = await LocalFleet.bare();
  const file = fleet.folder.write("control/state/notices/told.json", "{", 0o600);
  expect(await noticeFindings(fleet.controller)).toEqual([
    {
      name: "notices",
      ok: false,
      detail: `Cannot use ${file}: it is damaged`,
      remedy: "Remove it: what still holds is then told once more.",
    },
  ]);
});
