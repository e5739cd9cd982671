/** T29: what a host prints, in memory, within its bounds. */
import { expect, test } from "bun:test";
import { HeldOutput } from "../../../../src/controller/runs/held-output.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";

const { config } = await parseControllerConfig("/unset", "max_reply = 100K\nmax_replies = 200K\n");
const MAX = 102_400;
/** What of each reply is not counted. */
const FREE = 16_384;

function held(budget = new ReplyBudget(2 ** 30)) {
  return new HeldOutput(config, budget.open().openReply());
}

test("both streams are kept as they were printed, also what is not UTF-8", async () => {
  const output = held();
  output.take("stdout", Buffer.from("one "));
  output.take("stderr", Buffer.from([0xff]));
  output.take("stdout", Buffer.from("two"));
  expect(await output.end()).toEqual({
    stdout: "one two",
    stderr: "\ufffd",
    stderr_b64: "/w==",
    bytes: { stdout: 7, stderr: 1 },
    lost: { stdout: 0, stderr: 0 },
  });
  const other = held();
  other.take("stdout", Buffer.from([0xff]));
  expect(await other.end()).toMatchObject({ stdout_b64: "/w==", stderr: "" });
  expect(await held().end()).toMatchObject({ stdout: "", stderr: "" });
});

test("both together may be as long as max_reply, and not a byte longer", async () => {
  const output = held();
  output.take("stdout", Buffer.alloc(MAX / 2, "x"));
  output.take("stderr", Buffer.alloc(MAX / 2, "y"));
  expect((await output.end()).bytes).toEqual({ stdout: MAX / 2, stderr: MAX / 2 });
  output.take("stderr", Buffer.from("z"));
  const dropped = {
    stdout: "",
    stderr: "",
    bytes: { stdout: 0, stderr: 0 },
    lost: { stdout: MAX / 2, stderr: MAX / 2 + 1 },
    error: "the output was dropped: it is larger than 100 KiB (max_reply in ctrl-exec.conf)",
  };
  expect(await output.end()).toEqual(dropped);
  // What comes after that is not kept either.
  output.take("stdout", Buffer.from("more"));
  const lost = { stdout: MAX / 2 + 4, stderr: MAX / 2 + 1 };
  expect(await output.end()).toEqual({ ...dropped, lost });
});

test("what leaves others too little is dropped, and gives back its room", async () => {
  const budget = new ReplyBudget(1000);
  const output = held(budget);
  output.take("stdout", Buffer.alloc(FREE + 700));
  expect((await output.end()).error).toBeUndefined();
  const other = budget.open().openReply();
  expect(other.hold(FREE + 700)).toBe(false);
  output.take("stdout", Buffer.alloc(200));
  expect((await output.end()).error).toBe(
    "the output was dropped: it leaves too little of 200 KiB for the answers of other hosts (max_replies in ctrl-exec.conf)",
  );
  expect(other.hold(FREE + 700)).toBe(true);
});
