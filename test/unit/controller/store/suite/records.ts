import { expect, test } from "bun:test";
import { ReplyBudget } from "../../../../../src/core/reply-budget.ts";
import { withoutResult } from "../../../../../src/core/run-result.ts";
import { until } from "../../../../support/folder.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { facts, REQID, ran, read, result } from "./recorded.ts";
import { Stage } from "./stage.ts";

const OTHER = "fedcba9876543210";
const TOKEN = 's3cret"token';

export function recordsSuite(make: MakeStore): void {
  test("T27 the token is nowhere in what is read, before the end or after", async () => {
    await using stage = await Stage.open(make);
    const record = await stage.store.runs.begin(facts({ hosts: ["web-01"], token: TOKEN }), false);
    const said = `<${TOKEN}|${JSON.stringify(TOKEN)}>`;
    const bytes = Buffer.concat([Buffer.from([255]), Buffer.from(said)]).toString("base64");
    const output = { stdout: said, stderr: `${"x".repeat(70_000)}${said}`, stdout_b64: bytes };
    await record.stored;
    record.add(result("web-01", { ...output, exit: 1, error: `failed: ${TOKEN}` }));
    const clean = async () => {
      const found = await read(stage);
      const [first] = found?.results ?? [];
      const raw = Buffer.from(String(first?.stdout_b64 ?? ""), "base64").toString("latin1");
      expect(JSON.stringify(found)).not.toContain("s3cret");
      expect(raw).not.toContain("s3cret");
      return first !== undefined;
    };
    await until("the result is there before the end", clean);
    await record.close();
    expect(await clean()).toBe(true);
    expect((await read(stage))?.results[0]?.error).toStartWith("failed: ");
  });

  test("T69 of outputs that are too long for run_records_max the beginning is kept, and it says so", async () => {
    await using stage = await Stage.open(make, "run_records_max = 1M");
    const long = result("web-01", { stdout: "x".repeat(600_000) });
    expect(await ran(stage, facts(), long, result("web-02"))).toBe(false);
    const found = await read(stage);
    expect(found).toMatchObject({ complete: true, pending: [] });
    const lacking = { stdout_dropped: 206_784, stdout_unrecorded: 206_784 };
    expect(found?.results).toEqual([
      { ...long, stdout: "x".repeat(393_216), ...lacking },
      result("web-02"),
    ]);
  });

  test("T29 a record that there is no room for is not read, and holds up no other", async () => {
    await using stage = await Stage.open(make);
    const hosts = Array.from({ length: 20 }, (_, index) => `web-${index}`);
    const results = hosts.map((host) => result(host, { stdout: "x".repeat(50_000) }));
    await ran(stage, facts({ hosts }), ...results);
    await ran(stage, facts({ reqid: OTHER }), result("web-01"));
    const account = new ReplyBudget(65_536).open();
    const reading = stage.store.runs.read(REQID, account);
    await expect(reading).rejects.toMatchObject({ code: "busy" });
    account.close();
    expect(await read(stage, OTHER)).toMatchObject({ reqid: OTHER, complete: true });
  });

  test("T29 what is read counts until its account is closed", async () => {
    await using stage = await Stage.open(make);
    const long = { stdout: "x".repeat(60_000), stderr: "x".repeat(60_000) };
    await ran(stage, facts(), result("web-01", long), result("web-02", long));
    const budget = new ReplyBudget(400_000);
    const [first, second, third] = [budget.open(), budget.open(), budget.open()];
    expect(await stage.store.runs.read(REQID, first)).toBeDefined();
    const reading = stage.store.runs.read(REQID, second);
    await expect(reading).rejects.toMatchObject({ code: "busy" });
    for (const account of [first, second]) account.close();
    expect(await stage.store.runs.read(REQID, third)).toBeDefined();
  });

  test("a record that cannot be used is named, and hides no other", async () => {
    await using stage = await Stage.open(make);
    await ran(stage, facts(), result("web-01"));
    await ran(stage, facts({ reqid: OTHER, script: "backup" }), result("web-01"));
    await stage.under.breakRun(REQID);
    await expect(read(stage)).rejects.toMatchObject({
      code: "damaged",
      message: expect.stringContaining(REQID),
    });
    expect(await stage.store.runs.submitterOf(REQID)).toBeUndefined();
    expect(await read(stage, OTHER)).toMatchObject({ complete: true });
    expect(await stage.store.runs.scriptsSeen([])).toEqual(["backup"]);
  });

  test("scripts are seen that ran, on one of the hosts", async () => {
    await using stage = await Stage.open(make);
    const run = async (reqid: string, script: string, host: string, ended = true) => {
      const end = { state: "never-ran", error: "refused" } as const;
      const refused = withoutResult({ script, reqid }, host, "", end);
      const one = ended ? result(host, { script, reqid, exit: 1 }) : refused;
      await ran(stage, facts({ reqid, script, hosts: [host] }), one);
    };
    await run("0000000000000001", "restart", "web-01");
    await run("0000000000000002", "deploy", "Web-01:7450");
    await run("0000000000000003", "backup", "db-01");
    await run("0000000000000004", "refused", "web-01", false);
    const { runs } = stage.store;
    expect(await runs.scriptsSeen([])).toEqual(["backup", "deploy", "restart"]);
    expect(await runs.scriptsSeen(["WEB-01"])).toEqual(["deploy", "restart"]);
    expect(await runs.scriptsSeen(["db-01", "mail-01"])).toEqual(["backup"]);
    expect(await runs.scriptsSeen(["mail-01"])).toEqual([]);
  });

  test("after run_retention nothing is known of a run, and the purge removes it", async () => {
    await using stage = await Stage.open(make, "run_retention = 1000");
    await ran(stage, facts(), result("web-01"));
    expect(await stage.store.runs.purge()).toBe(0);
    expect(await read(stage)).toBeDefined();
    stage.pass(1001);
    expect(await read(stage)).toBeUndefined();
    expect(await stage.store.runs.submitterOf(REQID)).toBeUndefined();
    expect(await stage.store.runs.purge()).toBe(1);
    expect(await stage.store.runs.purge()).toBe(0);
    expect(await stage.store.runs.scriptsSeen([])).toEqual([]);
  });

  test("T69 the oldest make room for new ones when all are more than run_records_max", async () => {
    await using stage = await Stage.open(make, "run_records_max = 1M");
    const ids = [1, 2, 3].map((id) => `000000000000000${id}`);
    for (const reqid of ids) {
      const long = result("web-01", { reqid, stdout: "x".repeat(380_000) });
      expect(await ran(stage, facts({ reqid, hosts: ["web-01"] }), long)).toBe(true);
    }
    await stage.store.runs.purge();
    const left: boolean[] = [];
    for (const reqid of ids) left.push((await read(stage, reqid)) !== undefined);
    expect(left).toEqual([false, true, true]);
  });
}
