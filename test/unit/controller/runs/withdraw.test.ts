/** What is certain of a run that an agent does not know, and what the run comes to by that. */
import { beforeAll, describe, expect, test } from "bun:test";
import type { FleetDialler } from "../../../../src/controller/fleet/fan-out.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import {
  knowsNoSuchRun,
  type Withdrawal,
  withdraw,
  withdrawnResult,
} from "../../../../src/controller/runs/withdraw.ts";
import type { RunReportSoFar } from "../../../../src/core/run-report.ts";
import { type RunResult, withoutResult } from "../../../../src/core/run-result.ts";
import { Authority } from "../../../support/authority.ts";
import { diallerOf, last, PlayedAgent } from "../../../support/played-agent.ts";

const REQID = "0123456789abcdef";
const HOST = "127.0.0.1";
const STARTED = "2026-06-01T12:00:00Z";

const reportOf = (changes: Partial<RunReportSoFar> = {}): RunReportSoFar => ({
  ...{ reqid: REQID, script: "deploy", hosts: [HOST], results: [], pending: [HOST] },
  ...{ complete: false, submitter: "alice", started: STARTED, completed: null },
  ...changes,
});

describe("an agent is asked", () => {
  let credential: Awaited<ReturnType<Authority["issue"]>>;
  let web: typeof credential;
  let dialler: FleetDialler;
  beforeAll(async () => {
    const ca = await Authority.create();
    [credential, web] = await Promise.all([ca.issue("ctrl-exec"), ca.issue("web-01")]);
    dialler = await diallerOf(credential);
  });

  /** @param age of the run in seconds */
  async function ask(answer: Parameters<typeof last>, age = 0, report = reportOf()) {
    using agent = await PlayedAgent.start(web);
    agent.answers = [last(...answer)];
    const now = () => new Date(new Date(STARTED).getTime() + age * 1000);
    const target = targetOf(HOST, undefined, agent.port);
    const said = await withdraw({ ...dialler, now }, target, report);
    return { said, asked: agent.asked.map(({ what, body }) => `${what} ${body}`) };
  }

  const withdrawn = (known_for: number) => [{ status: "withdrawn", known_for }] as [object];

  test.each<[string, [object, string?], number, Withdrawal]>([
    ["that has known all runs since before it began", withdrawn(1000), 500, "never-ran"],
    ["that was started after it began", withdrawn(400), 500, "unknown"],
    // By this host's clock as much time has passed; by the agent's answer a moment more.
    ["that cannot tell to the second", withdrawn(500), 500, "unknown"],
    ["that seems certain because this host's clock was put back", withdrawn(1000), -500, "unknown"],
    ["that has taken it meanwhile", [{ status: "known" }], 0, "known"],
    ["that refuses", [{ error: "denied" }, "403 Forbidden"], 0, undefined],
    ["that says something else", [{ status: "perhaps" }], 0, undefined],
  ])("%s", async (_, answer, age, expected) => {
    expect(await ask(answer, age)).toEqual({
      said: expected,
      asked: [`POST /withdraw {"reqid":"${REQID}"}`],
    });
  });

  test("not when the record does not say since when there is the run", async () => {
    const report = reportOf({ started: "" });
    expect(await ask(withdrawn(1000), 0, report)).toEqual({ said: undefined, asked: [] });
  });
});

test("only an agent since 1.1 says that it does not know a run", () => {
  const told = (status: number, error: string) =>
    knowsNoSuchRun({ reply: { status, json: { error } } } as never);
  expect(told(404, "no such run")).toBe(true);
  expect(told(404, "not found")).toBe(false);
  expect(told(403, "no such run")).toBe(false);
  expect(knowsNoSuchRun({ reply: undefined } as never)).toBe(false);
});

describe("the run has come to", () => {
  const of = { script: "deploy", reqid: REQID };
  const result = (end: object) => ({ ...withoutResult(of, HOST, "", end as never), ...end });
  const comesTo = (withdrawal: Withdrawal, ...results: readonly RunResult[]) =>
    withdrawnResult(reportOf({ results }), HOST, withdrawal);

  test("nothing yet, while more may be heard of it", () => {
    for (const withdrawal of ["known", undefined] as const) {
      expect(comesTo(withdrawal)).toBeUndefined();
      expect(comesTo(withdrawal, result({ state: "running" }))).toBeUndefined();
    }
  });

  test("nothing at all, or nothing that anybody knows", () => {
    expect(comesTo("never-ran")).toMatchObject({ host: HOST, exit: -1, state: "never-ran" });
    expect(comesTo("unknown")).toMatchObject({
      state: "lost",
      error: expect.stringContaining("may have run"),
    });
    // Another host's result says nothing.
    expect(comesTo("never-ran", { ...result({ state: "running" }), host: "db-01" })).toMatchObject({
      state: "never-ran",
    });
  });

  test("a loss, if the script had begun there", () => {
    for (const withdrawal of ["never-ran", "unknown"] as const) {
      const lost = comesTo(withdrawal, result({ state: "running", started: STARTED }));
      expect(lost).toMatchObject({ state: "lost", started: STARTED });
      expect(comesTo(withdrawal, result({ state: "running" }))).not.toHaveProperty("started");
    }
  });

  test("what the agent has said already, if it could not tell then", () => {
    const told = result({ state: "unknown", exit: 126, error: "perhaps" });
    expect(comesTo("never-ran", told)).toBe(told);
    const silent = result({ state: "unknown", exit: -1, error: "no answer" });
    expect(comesTo("never-ran", silent)).toMatchObject({ state: "never-ran" });
    const ended = result({ state: "ended", exit: 126 });
    expect(comesTo("unknown", ended)).toMatchObject({ state: "lost" });
  });
});
