import { describe, expect, test } from "bun:test";
import {
  type AgentConfig,
  agentConfigArgument,
  pairingStep,
  parseAgentConfig,
} from "../../../../src/core/config/agent-config.ts";

const parse = parseAgentConfig;

test("an empty file means the documented defaults", async () => {
  const { config, warnings } = await parse("/etc/ctrl-exec-agent/agent.conf", "");
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({
    file: "/etc/ctrl-exec-agent/agent.conf",
    port: 7443,
    bind: "::",
    cert: "/etc/ctrl-exec-agent/agent.crt",
    key: "/etc/ctrl-exec-agent/agent.key",
    ca: "/etc/ctrl-exec-agent/ca.crt",
    revoked_serials: "/etc/ctrl-exec-agent/revoked-serials",
    dispatcher_serial_path: "/etc/ctrl-exec-agent/ctrl-exec-serial",
    namesRevocationFile: false,
    auth_hook_timeout: 10,
    auth_hook_json: false,
    stdin_timeout: 10,
    max_output: 64 * 2 ** 20,
    run_spool: 2 ** 30,
    run_retention: 86_400,
    max_connections: 256,
    pairing_port: 7444,
    pairing_max_queue: 10,
    rate_limit_volume: { limit: 10, window: 60, block: 300 },
    rate_limit_probe: { limit: 3, window: 600, block: 3600 },
    rate_limit_disable: false,
    tags: {},
  });
  expect(config.script_dirs).toBeUndefined();
  expect(config.auth_hook).toBeUndefined();
  expect(config.allowed_ips).toBeUndefined();
});

/** Keys in both spellings. */
const KEYS: readonly (readonly [
  key: keyof AgentConfig,
  conf: string,
  toml: string,
  value: unknown,
])[] = [
  ["port", "7450", "7450", 7450],
  ["cert", "/a/a.crt", '"/a/a.crt"', "/a/a.crt"],
  ["key", "/a/a.key", '"/a/a.key"', "/a/a.key"],
  ["ca", "/a/ca.crt", '"/a/ca.crt"', "/a/ca.crt"],
  ["revoked_serials", "/a/revoked", '"/a/revoked"', "/a/revoked"],
  ["dispatcher_serial_path", "/a/serial", '"/a/serial"', "/a/serial"],
  ["script_dirs", "/a:/b", '["/a", "/b"]', ["/a", "/b"]],
  ["script_dirs", "/a", '"/a"', ["/a"]],
  ["auth_hook", "/a/hook", '"/a/hook"', "/a/hook"],
  ["pairing_port", "7450", "7450", 7450],
  ["pairing_max_queue", "20", "20", 20],
  [
    "allowed_ips",
    "192.168.1.0/24, 10.0.0.1",
    '["192.168.1.0/24", "10.0.0.1"]',
    ["192.168.1.0/24", "10.0.0.1"],
  ],
  ["rate_limit_volume", "1/2/3", '"1/2/3"', { limit: 1, window: 2, block: 3 }],
  ["rate_limit_probe", "1/2/3", '"1/2/3"', { limit: 1, window: 2, block: 3 }],
  ["rate_limit_disable", "1", "1", true],
  ["rate_limit_disable", "0", "false", false],
];

describe.each([...KEYS])("%s", (key, conf, toml, value) => {
  test.each([
    ["agent.conf", conf],
    ["agent.toml", toml],
  ])("in %s", async (file, text) => {
    const { config, warnings } = await parse(`/etc/x/${file}`, `${key} = ${text}\n`);
    expect(warnings).toEqual([]);
    expect(config[key] as unknown).toEqual(value);
  });
});

test.each([...new Set(KEYS.map(([key]) => key))].filter((key) => key !== "allowed_ips"))(
  "%s with nothing behind it is an error, not a default",
  async (key) => {
    const error: unknown = await parse("/etc/x/f.conf", `${key} =\n`).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "config" });
    expect(String(error)).toContain(`/etc/x/f.conf: line 1: ${key} = : expected`);
  },
);

test("T28 an empty allowed_ips is an empty list, which is not the same as none", async () => {
  expect((await parse("/etc/x/f.conf", "allowed_ips =\n")).config.allowed_ips).toEqual([]);
  expect((await parse("/etc/x/f.toml", "allowed_ips = []\n")).config.allowed_ips).toEqual([]);
});

test.each([
  ["agent.conf", "[tags]\nenv = production\nrole = database\n"],
  ["agent.toml", '[tags]\nenv = "production"\nrole = "database"\n'],
])("the tags of %s", async (file, text) => {
  const { config, warnings } = await parse(file, text);
  expect(config.tags).toEqual({ env: "production", role: "database" });
  expect(warnings).toEqual([]);
});

test.each([
  ["dispatcher_cn", "ctrl-exec"],
  ["rate_limit_trusted", "exempt"],
])("%s, which is gone, is warned about and does not stop the agent", async (key, value) => {
  const { warnings } = await parse("f.conf", `${key} = ${value}\n`);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.key).toBe(key);
  expect(warnings[0]?.message).toContain("removed: ");
});

test.each([
  ["port = 65536", "line 1: port = 65536"],
  ["pairing_port = 0", "line 1: pairing_port = 0"],
  ["max_output = lots", "line 1: max_output = lots: expected a size"],
  ["rate_limit_volume = 10/60", "line 1: rate_limit_volume = 10/60: expected limit/window/block"],
  [
    "rate_limit_disable = constructor",
    "line 1: rate_limit_disable = constructor: expected yes or no",
  ],
  ["script_dirs = scripts", "line 1: script_dirs = scripts: expected absolute paths"],
  ["nonsense", 'line 1: expected "key = value"'],
])("%s closes the agent", async (text, message) => {
  const error: unknown = await parse("/etc/x/agent.conf", text).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "config" });
  expect(String(error)).toContain("/etc/x/agent.conf");
  expect(String(error)).toContain(message);
});

test("a revocation list that the file names must be there", async () => {
  const { config } = await parse("/etc/x/f.conf", "revoked_serials = /a/revoked\n");
  expect(config.namesRevocationFile).toBe(true);
});

test("a further command uses the same file, which need not be said of the usual one", () => {
  expect(agentConfigArgument("/etc/ctrl-exec-agent/agent.conf")).toBe("");
  expect(agentConfigArgument("/srv/my agent.conf")).toBe(" --config '/srv/my agent.conf'");
  expect(pairingStep({ file: "/srv/a.conf" })).toBe(
    "ctrl-exec-agent request-pairing --dispatcher <control-host> --config /srv/a.conf",
  );
});
