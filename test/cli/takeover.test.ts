import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type Finished, Running, runProgram } from "../support/binary.ts";
import { TestFolder } from "../support/folder.ts";
import { makeLegacyHosts } from "../support/legacy.ts";

test("a control host and an agent that 0.8 set up are taken over in place", async () => {
  using folder = new TestFolder();
  const { controlConfig, agentConfig, agentPort } = await makeLegacyHosts(folder);
  const files = ["ca.key", "ca.crt", "ca.serial"].map((name) => folder.join("control", name));
  const before = files.map((file) => readFileSync(file, "utf8"));
  const control = async (...args: readonly string[]): Promise<Finished> =>
    await runProgram("ctrl-exec", [...args, "--config", controlConfig, "--log", "stderr"]);
  const agent = new Running("ctrl-exec-agent", [
    "serve",
    "--config",
    agentConfig,
    "--log",
    "stderr",
  ]);
  try {
    await agent.seen(/ACTION=start/);
    const listed = await control("list-agents");
    expect(listed.out).toMatch(/^old-01 +127\.0\.0\.1 +2026-01-05T09:00:00Z .* current$/m);
    expect((await control("serial-status")).out).toMatch(/^Current serial: {3}2\n/);
    // 0.8's record is used as it stands: nothing is written for reading it.
    const ran = await control("run", `old-01:${agentPort}`, "greet");
    expect(ran.out).toContain("hello\n");
    expect(ran.status).toBe(0);

    await control("edit-agent", "old-01", "--agent-port", String(agentPort));
    const rotated = await control("rotate-cert");
    expect(rotated.out).toContain("old-01: confirmed\n");
    expect(rotated.out).toContain("Old serial:       2\n");
    expect((await control("ping", "old-01")).status).toBe(0);
    const record = JSON.parse(
      readFileSync(folder.join("control", "state", "agents", "old-01.json"), "utf8"),
    );
    expect(record).toMatchObject({ hostname: "old-01", reqid: "a1b2c3d4e5f60718" });

    // Half a year on, as far as its record says.
    const expiry = "Jan  1 00:00:00 2026 GMT";
    folder.write("control/state/agents/old-01.json", JSON.stringify({ ...record, expiry }), 0o640);
    const { renewed, problems } = JSON.parse((await control("maintain", "--json")).out);
    expect({ renewed, problems }).toEqual({ renewed: ["old-01"], problems: [] });
    expect((await control("run", "old-01", "greet")).status).toBe(0);
    const shown = await control("unpair", "old-01", "--revoke");
    expect(shown.out).toContain("Revoked here: ");
  } finally {
    await agent.stop();
  }
  expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(before);
}, 120_000);
