/** What the command line and the API count, read where Prometheus reads it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { TestApi } from "../../support/api.ts";
import { ControlHost } from "../../support/fleet.ts";

let host: ControlHost;

beforeAll(async () => {
  host = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  await host.startAgent("web-01", { scripts: { hello: "echo hello", fails: "exit 3" } });
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

async function runs(api: TestApi): Promise<Record<string, number>> {
  const { text } = await api.get("/metrics");
  const lines = text.matchAll(
    /^ctrl_exec_host_runs_total\{script="(\w+)",outcome="(\w+)"\} (\d+)$/gm,
  );
  const counted = [...lines].map(([, script, outcome, value]) => {
    return [`${script} ${outcome}`, Number(value)] as const;
  });
  return Object.fromEntries(counted.filter(([, value]) => value > 0));
}

test("runs of the command line count with those of the API, and go on after a restart", async () => {
  const counts = host.folder.join("control/state/counts.json");
  // Where nobody reads them, nothing is written.
  expect((await host.run("run", ["web-01", "hello"])).status).toBe(0);
  expect(existsSync(counts)).toBe(false);
  {
    await using api = await TestApi.start(host);
    await api.post("/run", { hosts: ["web-01"], script: "hello" });
    await Promise.all([
      host.run("run", ["web-01", "hello"]),
      host.run("run", ["web-01", "fails"]),
      host.run("ping", ["web-01"]),
    ]);
    expect(await runs(api)).toEqual({ "hello ok": 2, "fails failed": 1 });
  }
  await host.run("run", ["web-01", "fails"]);
  await using api = await TestApi.start(host);
  expect(await runs(api)).toEqual({ "hello ok": 2, "fails failed": 2 });
  rmSync(counts);
  await host.run("run", ["web-01", "fails"]);
  await api.post("/run", { hosts: ["web-01"], script: "hello" });
  expect(await runs(api)).toEqual({ "hello ok": 1 });
});
