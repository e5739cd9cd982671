import { expect, test } from "bun:test";
import type { RunRecord } from "../../../../../src/controller/store/ports/runs.ts";
import { outputBytes } from "../../../../../src/core/output-bytes.ts";
import { ReplyBudget } from "../../../../../src/core/reply-budget.ts";
import type { OutputStream } from "../../../../../src/core/run-event.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { facts, REQID, ran, read, result } from "./recorded.ts";
import { Stage } from "./stage.ts";

const PIECE = 50_000;

const share = (bytes = 2 ** 30) => new ReplyBudget(bytes).open().openReply();

/** A host prints this, as it comes, and ends. */
async function prints(
  record: RunRecord,
  host: string,
  printed: Partial<Record<OutputStream, Buffer>>,
  held = share(),
) {
  const output = record.output(host, held);
  for (const stream of ["stdout", "stderr"] as const) {
    const bytes = printed[stream] ?? Buffer.alloc(0);
    for (let at = 0; at < bytes.length; at += PIECE) {
      // A view of a buffer that is used again.
      const piece = Buffer.from(bytes.subarray(at, at + PIECE));
      await output.take(stream, piece);
      piece.fill("!");
    }
  }
  const { bytes, lost: _lost, error: _error, ...kept } = await output.end();
  const dropped = (stream: OutputStream) => (printed[stream]?.length ?? 0) - bytes[stream];
  const lost = {
    ...(dropped("stdout") > 0 ? { stdout_dropped: dropped("stdout") } : {}),
    ...(dropped("stderr") > 0 ? { stderr_dropped: dropped("stderr") } : {}),
  };
  const told = result(host, { ...kept, ...lost });
  record.add(told);
  return told;
}

async function bytesOf(stage: Stage, stream: OutputStream, from = 0): Promise<Buffer> {
  const account = new ReplyBudget(2 ** 30).open();
  const found = await stage.store.runs.read(REQID, account);
  const [first] = found?.results ?? [];
  return first ? Buffer.concat([...outputBytes(first, stream, from)]) : Buffer.alloc(0);
}

const TEXT = Buffer.from('é\n"\u0000😀'.repeat(40_000));
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 256));

export function outputsSuite(make: MakeStore): void {
  test.each([
    ["text", TEXT],
    ["bytes that are no text", BYTES],
    ["what is short", Buffer.from("short\n")],
    ["bytes that are short", Buffer.from([0xff, 0])],
  ])("what comes piece by piece is in the record: %s", async (_, printed) => {
    await using stage = await Stage.open(make);
    const record = await stage.store.runs.begin(facts({ hosts: ["web-01"] }), false);
    const told = await prints(record, "web-01", { stdout: printed, stderr: printed });
    expect(await record.close()).toBe(true);
    const found = await read(stage);
    const text = printed.toString("utf8");
    const exact = Buffer.from(text).equals(printed) ? undefined : printed.toString("base64");
    expect(found?.results[0]?.stdout === text).toBe(true);
    expect(found?.results[0]?.stderr_b64 === exact).toBe(true);
    expect(found?.results[0]).not.toHaveProperty("stdout_dropped");
    for (const from of [0, 1, 200_000, printed.length]) {
      expect((await bytesOf(stage, "stderr", from)).equals(printed.subarray(from))).toBe(true);
    }
    // Whoever has waited has the same.
    expect(Buffer.concat([...outputBytes(told, "stdout")]).equals(printed)).toBe(true);
  });

  test("T27 the token is hidden in it, wherever it is cut", async () => {
    await using stage = await Stage.open(make);
    const token = "s3cret-token";
    const run = facts({ hosts: ["web-01"], token });
    const record = await stage.store.runs.begin(run, false);
    const around = ["x".repeat(PIECE - 5), "y".repeat(PIECE), "z"];
    await prints(record, "web-01", { stdout: Buffer.from(around.join(token)) });
    await record.close();
    const found = (await bytesOf(stage, "stdout")).toString();
    expect(found === around.join("[token]*****")).toBe(true);
  });

  test("T29 what memory has no room for is not held", async () => {
    await using stage = await Stage.open(make);
    const record = await stage.store.runs.begin(facts({ hosts: ["web-01"] }), false);
    const printed = Buffer.alloc(60_000, "x");
    await prints(record, "web-01", { stdout: printed, stderr: printed }, share(20_000));
    expect(await record.close()).toBe(true);
    expect((await bytesOf(stage, "stdout")).equals(printed)).toBe(true);
    expect((await bytesOf(stage, "stderr")).equals(printed)).toBe(true);
  });

  test("T72 of output without end, the beginning is kept: the result says what is missing, and so does the log", async () => {
    await using stage = await Stage.open(make, "run_records_max = 1M");
    const hosts = ["web-01", "web-02"];
    const record = await stage.store.runs.begin(facts({ hosts }), false);
    const endless = Buffer.alloc(3 * 2 ** 20, "x");
    const told = await prints(record, "web-01", { stdout: endless });
    await prints(record, "web-02", { stdout: Buffer.from("short") });
    expect(await record.close()).toBe(false);
    expect(told.stdout_dropped).toBeGreaterThan(2 * 2 ** 20);
    const found = await read(stage);
    const [first, second] = found?.results ?? [];
    expect(String(first?.stdout).length + (first?.stdout_dropped ?? 0)).toBe(endless.length);
    expect(String(first?.stdout).length).toBeGreaterThan(300_000);
    expect(second).toMatchObject({ stdout: "short" });
    expect(stage.log.events.filter(({ action }) => action === "run-store-fail")).toHaveLength(1);
  });

  test("T72 runs that print at once share the room, and what has ended before makes some", async () => {
    await using stage = await Stage.open(make, "run_records_max = 1M");
    const ids = ["1", "2", "3", "4", "5"].map((id) => id.padStart(16, "0"));
    const [before = "", ...under] = ids;
    const much = Buffer.alloc(380_000, "x");
    await ran(
      stage,
      facts({ reqid: before, hosts: ["web-01"] }),
      result("web-01", { reqid: before, stdout: much.toString() }),
    );
    const records: { reqid: string; record: RunRecord; stdout_dropped: number }[] = [];
    for (const reqid of under) {
      const record = await stage.store.runs.begin(facts({ reqid, hosts: ["web-01"] }), false);
      const { stdout_dropped = 0 } = await prints(record, "web-01", { stdout: much });
      records.push({ reqid, record, stdout_dropped });
    }
    // None of those under way is removed for another.
    expect(records.map(({ stdout_dropped }) => stdout_dropped > 0)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(await read(stage, before)).toBeUndefined();
    for (const { reqid, record } of records) {
      record.add(result("web-01", { reqid }));
      await record.close();
      expect(await read(stage, reqid)).toBeDefined();
    }
  });

  test("what the agents told later is kept like that, too", async () => {
    await using stage = await Stage.open(make);
    const hosts = ["web-01", "web-02"];
    const record = await stage.store.runs.begin(facts({ hosts }), false);
    await prints(record, "web-02", { stdout: BYTES });
    await record.close();
    const account = new ReplyBudget(2 ** 30).open();
    const late = result("web-01", { stdout: TEXT.toString() });
    expect(await stage.store.runs.amend(REQID, [late], account)).toBe(true);
    const found = await read(stage);
    expect(found?.results[0]?.stdout === TEXT.toString()).toBe(true);
    expect(found?.results[1]?.stdout_b64 === BYTES.toString("base64")).toBe(true);
  });
}
