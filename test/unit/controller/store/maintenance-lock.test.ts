/** Who changes certificates waits for whoever does, and is told when that takes too long. */
import { expect, spyOn, test } from "bun:test";
import {
  lockMaintenance,
  tryLockMaintenance,
} from "../../../../src/controller/store/maintenance-lock.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { TestFolder } from "../../../support/folder.ts";

test("a lock that is held for too long is said, and one that cannot be had at all is not called busy", async () => {
  using folder = new TestFolder();
  const text = `state_dir = ${folder.path}\n`;
  const { config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text);
  (await lockMaintenance(config)).release();
  const held = tryLockMaintenance(config);
  // It would be a minute.
  const sleep = spyOn(Bun, "sleep").mockImplementation(() => Promise.resolve());
  try {
    await expect(lockMaintenance(config)).rejects.toMatchObject({
      code: "busy",
      message: expect.stringContaining("the check loop or another command is at work on this host"),
      hint: "Nothing was changed. Try again in a while.",
    });
    expect(sleep).toHaveBeenCalledTimes(6000);
  } finally {
    sleep.mockRestore();
  }
  held?.release();
  const other = { ...config, state_dir: folder.write("file", "in the way") };
  await expect(lockMaintenance(other)).rejects.toMatchObject({ code: "storage" });
});
