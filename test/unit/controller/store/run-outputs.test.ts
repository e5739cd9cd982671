/** The files of a run's outputs, when the run is given up meanwhile. */
import { expect, test } from "bun:test";
import { closeSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { outputFolder } from "../../../../src/controller/store/output-file.ts";
import { isInUse, useFolder } from "../../../../src/controller/store/output-folder-lock.ts";
import { RunOutputs } from "../../../../src/controller/store/run-outputs.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const REQID = "0123456789abcdef";

async function outputsIn(folder: TestFolder, lines = "") {
  const text = `state_dir = ${folder.join("state")}\n${lines}`;
  const { config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text);
  const { log, events } = new EventLog("ctrl-exec");
  const outputs = new RunOutputs(
    { config, log, now: () => new Date() },
    { reqid: REQID, hosts: ["web-01"], token: "" },
  );
  const open = () => openFiles(process.pid).filter((file) => file.startsWith(folder.path));
  return { config, events, outputs, open };
}

test("T65 of a run that is given up no file stays open, nor its folder; twice is as good as once", async () => {
  using folder = new TestFolder();
  const { config, events, outputs, open } = await outputsIn(folder);
  await outputs.create(0, "stdout");
  await outputs.create(0, "stderr");
  expect(isInUse(outputFolder(config, REQID))).toBe(true);
  outputs.close();
  await until("the files are closed", () => open().length === 0);
  expect(isInUse(outputFolder(config, REQID))).toBe(false);
  outputs.close();
  // Nor is one made of what comes later.
  rmSync(outputFolder(config, REQID), { recursive: true });
  await outputs.of("web-01").take("stdout", Buffer.alloc(70_000, "x"));
  expect(existsSync(outputFolder(config, REQID))).toBe(false);
  expect(events).toEqual([]);
});

test("T65 the file of an output that has ended is closed while the run goes on", async () => {
  using folder = new TestFolder();
  const { config, outputs, open } = await outputsIn(folder);
  const output = outputs.of("web-01");
  await output.take("stdout", Buffer.alloc(70_000, "x"));
  const path = `${outputFolder(config, REQID)}/0.stdout`;
  expect(open()).toContain(path);
  expect((await output.end()).bytes).toEqual({ stdout: 70_000, stderr: 0 });
  expect(open()).toEqual([outputFolder(config, REQID)]);
  outputs.close();
});

test("T65 a file that is being made when the run is given up does not stay open", async () => {
  using folder = new TestFolder();
  const { config, events, outputs, open } = await outputsIn(folder);
  const making = outputs.create(0, "stdout");
  outputs.close();
  await expect(making).rejects.toMatchObject({ code: "storage" });
  expect(existsSync(outputFolder(config, REQID))).toBe(true);
  expect(open()).toEqual([]);
  expect(events).toEqual([]);
});

const MIB = 2 ** 20;

test("T69 a run's outputs take three eighths of run_records_max, and what is more is left out and told once", async () => {
  using folder = new TestFolder();
  const { events, outputs } = await outputsIn(folder, "run_records_max = 16M\n");
  expect(await outputs.room(6 * MIB - 10)).toBe(6 * MIB - 10);
  expect([outputs.isWhole, outputs.written]).toEqual([true, 6 * MIB - 10]);
  expect(await outputs.room(11)).toBe(10);
  expect(await outputs.room(1)).toBe(0);
  expect([outputs.isWhole, outputs.written]).toEqual([false, 6 * MIB]);
  const error = "Cannot keep all of the output: more than half of run_records_max (16 MiB)";
  expect(events).toMatchObject([{ action: "run-store-fail", fields: { ERROR: error } }]);
});

test("T69 where other runs under way take all of it there is none, and the log says so", async () => {
  using folder = new TestFolder();
  const { events, outputs } = await outputsIn(folder, "run_records_max = 16M\n");
  const other = "fedcba9876543210";
  folder.write(`state/runs/${other}.d/0.stdout`, Buffer.alloc(16 * MIB));
  const letGo = useFolder(folder.join("state", "runs", `${other}.d`));
  expect(await outputs.room(2 * MIB)).toBe(0);
  letGo();
  expect(outputs.written).toBe(0);
  const error = expect.stringContaining(
    "other runs under way take all of run_records_max (16 MiB)",
  );
  expect(events).toMatchObject([{ action: "run-store-fail", fields: { ERROR: error } }]);
});

test("what was in a file's place is gone, and a link there is not followed", async () => {
  using folder = new TestFolder();
  const { outputs } = await outputsIn(folder);
  const kept = folder.write("kept", "not of this run");
  const stdout = folder.write(`state/runs/${REQID}.d/0.stdout`, "of an earlier one");
  symlinkSync(kept, folder.join(`state/runs/${REQID}.d/0.stderr`));
  const { file } = await outputs.create(0, "stdout");
  expect((await file.stat()).size).toBe(0);
  await expect(outputs.create(0, "stderr")).rejects.toMatchObject({
    code: "storage",
    message: expect.stringContaining("0.stderr"),
  });
  outputs.close();
  expect([readFileSync(stdout, "utf8"), readFileSync(kept, "utf8")]).toEqual([
    "",
    "not of this run",
  ]);
});

test("T29 both streams of a host share what memory there is, and what is in a file takes none", async () => {
  using folder = new TestFolder();
  const { config, outputs } = await outputsIn(folder);
  const replies = new ReplyBudget(40_000).open();
  const output = outputs.of("web-01", replies.openReply());
  await output.take("stderr", Buffer.alloc(30_000, "x"));
  await output.take("stdout", Buffer.alloc(16_384, "x"));
  expect(existsSync(outputFolder(config, REQID))).toBe(false);
  await output.take("stdout", Buffer.from("y"));
  expect(readdirSync(outputFolder(config, REQID))).toEqual(["0.stdout"]);
  await output.take("stdout", Buffer.alloc(60_000, "x"));
  expect(replies.openReply().hold(26_384)).toBe(true);
  expect((await output.end()).bytes).toEqual({ stdout: 76_385, stderr: 30_000 });
  outputs.close();
});

test("what is short is held, also where nobody counts it, and told as it came", async () => {
  using folder = new TestFolder();
  const { outputs } = await outputsIn(folder);
  const output = outputs.of("web-01");
  await output.take("stdout", Buffer.from([0x61, 0xff]));
  await output.take("stderr", Buffer.from([0xfe]));
  expect(await output.end()).toEqual({
    ...{ stdout: "a\ufffd", stdout_b64: "Yf8=", stderr: "\ufffd", stderr_b64: "/g==" },
    bytes: { stdout: 2, stderr: 1 },
    lost: { stdout: 0, stderr: 0 },
  });
  expect(folder.has("state")).toBe(false);
});

test("T22 a file that the disk does not take at its end is told, once", async () => {
  using folder = new TestFolder();
  const { events, outputs } = await outputsIn(folder);
  for (const stream of ["stdout", "stderr"] as const) {
    const { file } = await outputs.create(0, stream);
    // A full NFS share says so at this moment too, with another error.
    closeSync(file.fd);
    await outputs.closeFile(file);
  }
  expect(outputs.isWhole).toBe(false);
  expect(events).toMatchObject([{ fields: { ERROR: expect.stringContaining("EBADF") } }]);
  outputs.close();
});

test("T22 what is left out is told in the system's words, or in ours", async () => {
  using folder = new TestFolder();
  const said: unknown[] = [];
  for (const why of [new Error("no space left"), "no room"]) {
    const { events, outputs } = await outputsIn(folder);
    outputs.leftOut(why);
    said.push(...events.map(({ fields }) => fields.ERROR));
  }
  expect(said).toEqual(["no space left", "Cannot keep all of the output: no room"]);
});
