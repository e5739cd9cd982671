/** Which unknown keys stop a program, and which are only told. */
import { describe, expect, test } from "bun:test";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { AGENT_KEYS } from "../../../../src/core/config/agent-keys.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { CONTROLLER_KEYS } from "../../../../src/core/config/controller-keys.ts";
import { decidingSlipOf, slipOf } from "../../../../src/core/config/slips.ts";

const controllerKeys = Object.keys(CONTROLLER_KEYS);
const agentKeys = Object.keys(AGENT_KEYS).filter((key) => key !== "tags");

describe("T28 a mistyped key stops the program, and names the one that was meant:", () => {
  test.each([
    ["auth_hok", "auth_hook"],
    ["auth-hook", "auth_hook"],
    ["Auth_Hook", "auth_hook"],
    ["auth", "auth_hook"],
    ["verify_agent_identiy", "verify_agent_identity"],
    ["read_timout", "read_timeout"],
    ["timout", "timeout"],
    ["api_auth_defualt", "api_auth_default"],
    ["authook", "auth_hook"],
    ["authhok", "auth_hook"],
    ["export auth_hook", "auth_hook"],
    ["set auth_hook", "auth_hook"],
    ["auth_hook_path", "auth_hook"],
    ['"auth_hook"', "auth_hook"],
    ["x-verify-agent-identity", "verify_agent_identity"],
  ])("ctrl-exec.conf, %s", async (typed, meant) => {
    await expect(parseControllerConfig("/etc/x.conf", `\n${typed} = /x\n`)).rejects.toMatchObject({
      code: "config",
      message: `Cannot use /etc/x.conf: line 2: unknown key ${typed}; did you mean ${meant}?`,
    });
  });

  test.each([
    ["prot", "port"],
    ["alowed_ips", "allowed_ips"],
    ["allowed_ip", "allowed_ips"],
    ["allow_ip", "allowed_ips"],
    ["network.allowed_ips", "allowed_ips"],
    ["script_dir", "script_dirs"],
    ["revoked_serial", "revoked_serials"],
    ["ratelimit_probe", "rate_limit_probe"],
  ])("agent.conf, %s", async (typed, meant) => {
    await expect(parseAgentConfig("/etc/x.conf", `${typed} = x\n`)).rejects.toMatchObject({
      code: "config",
      message: `Cannot use /etc/x.conf: line 1: unknown key ${typed}; did you mean ${meant}?`,
    });
  });

  test("in TOML too, and together with a value that does not fit", async () => {
    const text = "auth_hok = '/x'\nread_timeout = 0\n";
    await expect(parseControllerConfig("/etc/x.toml", text)).rejects.toThrow(
      /line 1: unknown key auth_hok; did you mean auth_hook\?; line 2: read_timeout = 0: expected/,
    );
  });
});

describe("T28 a setting in a section that nobody knows stops the program:", () => {
  test.each([
    ["auth_hook = /x", "auth_hook"],
    ["timeout = 5", "timeout"],
    ["auth_hok = /x", "auth_hok"],
  ])("%s", async (line, key) => {
    const text = `[access]\n${line}\n`;
    await expect(parseControllerConfig("/etc/x.conf", text)).rejects.toThrow(
      `Cannot use /etc/x.conf: line 2: ${key} is in [access] and would set nothing; put it before the first section`,
    );
  });

  test("a tag may have any name", async () => {
    const { config } = await parseAgentConfig("/etc/x.conf", "[tags]\nport = left\nallowed = x\n");
    expect(config.tags).toEqual({ port: "left", allowed: "x" });
  });

  test("a tag that may be meant as a hook is told", async () => {
    const text = "[tags]\nauth_hok = /x\nexport auth_hook = /x\nauthor = me\nrole = web\n";
    const { warnings } = await parseAgentConfig("/etc/x.conf", text);
    expect(warnings).toEqual([
      { key: "auth_hok", message: "line 2 is in [tags] and sets nothing" },
      { key: "export auth_hook", message: "line 3 is in [tags] and sets nothing" },
    ]);
  });
});

describe("files of other versions still work:", () => {
  const documented = {
    "ctrl-exec.conf of 0.8":
      "cert key ca read_timeout timeout api_port api_cert api_key api_bind api_auth_default cert_days cert_renewal_days cert_overlap_days cert_check_interval auth_hook",
    "ctrl-exec.conf of 0.9": "pairing_rate_limit_volume pairing_rate_limit_disable",
    "agent.conf of 0.8":
      "port cert key ca revoked_serials dispatcher_serial_path dispatcher_cn script_dirs auth_hook pairing_port pairing_max_queue allowed_ips rate_limit_volume rate_limit_probe rate_limit_disable",
    "agent.conf of 0.9":
      "trusted_dispatchers_path sandbox writable_paths async_runs_dir executor_socket",
  };
  test.each(Object.entries(documented))("%s", (file, keys) => {
    const known = file.startsWith("agent") ? agentKeys : [...controllerKeys, "timeout"];
    const caught = keys.split(" ").filter((key) => {
      return !known.includes(key) && slipOf(key, known) !== undefined;
    });
    expect(caught).toEqual([]);
  });

  test("a short key that is too far from every other is not a slip", () => {
    expect(slipOf("aut_hk", ["auth_hook", "port"])).toBeUndefined();
    expect(slipOf("auth_hk", ["auth_hook", "port"])).toBe("auth_hook");
  });

  test("a key of one file in the other is told, and is not a slip", () => {
    for (const key of agentKeys.filter((name) => !controllerKeys.includes(name))) {
      expect(`${key}: ${slipOf(key, controllerKeys)}`).toBe(`${key}: undefined`);
    }
    for (const key of controllerKeys.filter((name) => !agentKeys.includes(name))) {
      expect(`${key}: ${slipOf(key, agentKeys)}`).toBe(`${key}: undefined`);
    }
  });

  test.each(["frobnicate", "colour", "constructor", "x", "ca_key", "log_level", "lock_dir"])(
    "%s is told, and no more",
    async (key) => {
      const { warnings } = await parseControllerConfig("/etc/x.conf", `${key} = 1\n`);
      expect(warnings).toEqual([{ key, message: "unknown key on line 1, ignored" }]);
    },
  );
});

describe("how far off a name may be", () => {
  test.each([
    ["abcxxfg", "abcdefg", false],
    ["abcdxxgh", "abcdefgh", true],
    ["abcdefxxxjk", "abcdefghijk", false],
    ["abcdefxxxjkl", "abcdefghijkl", true],
    ["abcdefghxxxxmnop", "abcdefghijklmnop", false],
    ["Abcdefghijkl", "abcdefghijkl", true],
    ["abx", "abc", true],
  ])("whether %s is meant as %s: %p", (typed, known, is) => {
    expect(slipOf(typed, [known])).toBe(is ? known : undefined);
  });

  test("one of those that decide about power may be further off", () => {
    expect(decidingSlipOf("auth_hk", ["auth_hook"])).toBe("auth_hook");
    expect(decidingSlipOf("auth_xk", ["auth_hook"])).toBeUndefined();
    expect(decidingSlipOf("auth_hxx", ["auth_hook"])).toBe("auth_hook");
    expect(decidingSlipOf("auth_hook", ["port"])).toBeUndefined();
  });

  test("a name that is right but for its case is not another that begins so", () => {
    expect(slipOf("KEY", ["key_type", "key"])).toBe("key");
  });
});
