import { expect, test } from "bun:test";
import { limitsOf } from "../../../../src/agent/jobs/limits.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { TestJobs } from "../../../support/job-table.ts";

test.each([
  [{}, undefined, undefined],
  [{ timeout: 5 }, undefined, 5],
  [{}, 7, 7],
  [{ timeout: 5 }, 7, 5],
  [{ timeout: 7 }, 5, 5],
])("the lower of both limits of time counts: %j and %p", async (options, asked, timeout) => {
  const { config } = await parseAgentConfig("agent.conf", "port = 7443\nmax_output = 100\n");
  await using jobs = await TestJobs.create();
  const order = jobs.order("true", { timeout: asked });
  const limits = limitsOf({ ...order, script: { ...order.script, options } }, config);
  expect(limits).toEqual({ timeout, maxOutput: 100 });
});

test("a script's own limit of output counts in place of the agent's", async () => {
  const { config } = await parseAgentConfig("agent.conf", "port = 7443\nmax_output = 100\n");
  await using jobs = await TestJobs.create();
  const order = jobs.order("true");
  const script = { ...order.script, options: { max_output: 200 } };
  expect(limitsOf({ ...order, script }, config).maxOutput).toBe(200);
});
