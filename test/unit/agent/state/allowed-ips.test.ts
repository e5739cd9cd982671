import { expect, test } from "bun:test";
import { parseAllowedIps, readAllowedIps } from "../../../../src/agent/state/allowed-ips.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";

async function configOf(...lines: readonly string[]) {
  const { config } = await parseAgentConfig("/etc/agent.conf", [...lines, ""].join("\n"));
  return config;
}

test("without the key every address may come", async () => {
  expect(await readAllowedIps(await configOf())).toEqual({ list: undefined, warnings: [] });
});

test("T28 a bad entry is passed over and reported; the others hold", async () => {
  const config = await configOf("allowed_ips = 192.0.2.1, 10.0.0.0/33, 10.0.0.0/8");
  const { list, warnings } = await readAllowedIps(config);
  expect(["192.0.2.1", "10.1.2.3", "192.0.2.2"].map((ip) => list?.has(ip))).toEqual([
    true,
    true,
    false,
  ]);
  expect(warnings).toEqual([
    { key: "allowed_ips", message: '"10.0.0.0/33" is not an address or prefix' },
  ]);
});

test("T28 a list without a good entry opens the port to nobody: it is an error", async () => {
  const config = await configOf("allowed_ips = somewhere");
  expect(() => parseAllowedIps(config)).toThrow(
    "Cannot use /etc/agent.conf: allowed_ips has no valid entry",
  );
});
