import { describe, expect, test } from "bun:test";
import {
  type ControllerConfig,
  configArgument,
  pairingCommand,
  parseControllerConfig,
} from "../../../../src/core/config/controller-config.ts";

const parse = parseControllerConfig;

test("an empty file means the documented defaults", async () => {
  const { config, warnings } = await parse("/etc/ctrl-exec/ctrl-exec.conf", "");
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({
    file: "/etc/ctrl-exec/ctrl-exec.conf",
    ca_dir: "/etc/ctrl-exec",
    cert: "/etc/ctrl-exec/ctrl-exec.crt",
    key: "/etc/ctrl-exec/ctrl-exec.key",
    ca: "/etc/ctrl-exec/ca.crt",
    state_dir: "/var/lib/ctrl-exec",
    verify_agent_identity: "registry",
    read_timeout: 60,
    api_port: 7445,
    api_bind: "127.0.0.1",
    api_auth_default: "deny",
    cert_days: 365,
    cert_renewal_days: 90,
    cert_overlap_days: 30,
    cert_check_interval: 14_400,
    pairing_port: 7444,
    max_hosts: 500,
    auth_hook_timeout: 10,
    auth_hook_json: false,
    connect_timeout: 10,
    keepalive: 5,
    max_parallel: 64,
    max_reply: 448 * 2 ** 20,
    max_replies: 2 ** 30,
    api_max_requests: 64,
    run_retention: 86_400,
    run_records_max: 2 ** 32,
  });
  expect(config.auth_hook).toBeUndefined();
  expect(config.api_cert).toBeUndefined();
});

/** Keys in both spellings. */
const KEYS: readonly (readonly [
  key: string,
  conf: string,
  toml: string,
  setting: keyof ControllerConfig,
  value: unknown,
])[] = [
  ["cert", "/a/c.crt", '"/a/c.crt"', "cert", "/a/c.crt"],
  ["key", "/a/c.key", '"/a/c.key"', "key", "/a/c.key"],
  ["ca", "/a/ca.crt", '"/a/ca.crt"', "ca", "/a/ca.crt"],
  ["read_timeout", "120", "120", "read_timeout", 120],
  ["timeout", "120", "120", "read_timeout", 120],
  ["run_records_max", "64M", "67108864", "run_records_max", 2 ** 26],
  ["max_records", "64M", "67108864", "run_records_max", 2 ** 26],
  ["api_port", "8445", "8445", "api_port", 8445],
  [
    "api_hosts",
    "Api.Example.com, b",
    '["Api.Example.com", "b"]',
    "api_hosts",
    ["api.example.com", "b"],
  ],
  ["api_cert", "/a/api.crt", '"/a/api.crt"', "api_cert", "/a/api.crt"],
  ["api_key", "/a/api.key", '"/a/api.key"', "api_key", "/a/api.key"],
  ["api_bind", "0.0.0.0", '"0.0.0.0"', "api_bind", "0.0.0.0"],
  ["api_auth_default", "allow", '"allow"', "api_auth_default", "allow"],
  ["cert_days", "30", "30", "cert_days", 30],
  ["cert_renewal_days", "10", "10", "cert_renewal_days", 10],
  ["cert_overlap_days", "60", "60", "cert_overlap_days", 60],
  ["cert_check_interval", "5", "5", "cert_check_interval", 5],
  ["auth_hook", "/a/hook", '"/a/hook"', "auth_hook", "/a/hook"],
];

describe.each([...KEYS])("%s", (key, conf, toml, setting, value) => {
  test.each([
    ["ctrl-exec.conf", conf],
    ["ctrl-exec.toml", toml],
  ])("in %s", async (file, text) => {
    const { config, warnings } = await parse(`/etc/x/${file}`, `${key} = ${text}\n`);
    expect(warnings).toEqual([]);
    expect(config[setting] as unknown).toEqual(value);
  });

  test("with nothing behind it is an error, not a default", async () => {
    const error: unknown = await parse("/etc/x/f.conf", `${key} =\n`).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "config" });
    expect(String(error)).toContain(`/etc/x/f.conf: line 1: ${key} = : expected`);
  });
});

test("the files of the CA follow ca_dir, and a path of its own wins", async () => {
  const { config } = await parse("/etc/x/f.conf", "ca_dir = /srv/ca\nkey = /srv/key\n");
  expect(config).toMatchObject({
    ca_dir: "/srv/ca",
    cert: "/srv/ca/ctrl-exec.crt",
    key: "/srv/key",
    ca: "/srv/ca/ca.crt",
  });
});

test("without ca_dir they stand beside the file", async () => {
  expect((await parse("/opt/y/f.toml", "")).config.ca).toBe("/opt/y/ca.crt");
});

test.each([
  ["/etc/ctrl-exec/ctrl-exec.conf", ""],
  ["/srv/c.conf", " --config /srv/c.conf"],
  ["/srv/it's mine/c.conf", " --config '/srv/it'\\''s mine/c.conf'"],
])("a further command for %s", (file, words) => {
  expect(configArgument(file)).toBe(words);
});

test.each([
  [7444, ""],
  [7445, " --port 7445"],
  [1, " --port 1"],
  // pairing-mode says which one it has.
  [0, " --port <port>"],
])(
  "a host that is to be paired is told the pairing port %d unless it is the usual one",
  (port, option) => {
    expect(pairingCommand({ file: "/etc/x.conf", pairing_port: port })).toBe(
      `ctrl-exec-agent request-pairing --dispatcher <this host>${option}`,
    );
  },
);
