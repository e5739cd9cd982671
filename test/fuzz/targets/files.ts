/** Files: configuration, allowlist, and the state that both hosts keep. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseAllowlist } from "../../../src/agent/scripts/allowlist.ts";
import { readCommandOutput } from "../../../src/controller/groups/command-output.ts";
import { listedDefinition } from "../../../src/controller/groups/definition.ts";
import { readGroupFile } from "../../../src/controller/groups/group-file.ts";
import { listRequests } from "../../../src/controller/pairing/queue.ts";
import { readRecord } from "../../../src/controller/store/agent-record.ts";
import { openFileStore } from "../../../src/controller/store/file-store.ts";
import { issuedTo } from "../../../src/controller/store/issued.ts";
import { readRotation } from "../../../src/controller/store/rotation-state.ts";
import { readRunRecord } from "../../../src/controller/store/stored-runs.ts";
import { parseAgentConfig } from "../../../src/core/config/agent-config.ts";
import { parseControllerConfig } from "../../../src/core/config/controller-config.ts";
import { ReplyBudget } from "../../../src/core/reply-budget.ts";
import { REQUEST } from "../seeds.ts";
import { type Target, textTarget } from "../target.ts";

const CONF_PIECES = [
  "port = 7443\n",
  "[tags]\n",
  "[",
  "]",
  "=",
  "#",
  "a = b\n",
  "allowed_ips = ",
  "10.0.0.0/8, ",
  "\n",
  " ",
  "\ufeff",
];
const TOML_PIECES = [
  ...CONF_PIECES,
  '"',
  "'''",
  '"""',
  "[[a]]\n",
  "a.",
  "{a={",
  "[[",
  "[1,",
  "2020-01-01T00:00:00Z",
  "0x",
  "\\u0041",
  "a=1\n",
  "#\n",
];
const LIST_PIECES = [
  "say = /opt/say",
  " timeout=5",
  " max_output=1M",
  " concurrency=",
  "\n",
  "[say]\n",
  'path = "/x"\n',
  "/",
];
const GROUP_PIECES = [
  "[web]\n",
  'hosts = "',
  'except = ["',
  "@@web",
  "web-[01-20]",
  "@all!",
  "[web.x]\n",
  "'a b'",
];
const JSON_PIECES = [
  '{"',
  '":',
  '"',
  ",",
  "[",
  "]",
  "}",
  "1,",
  '"a",',
  "{},",
  "null,",
  '"hosts":[',
  '"results":[',
  "1e999",
  "-",
];

const CONF = "port = 7443\nallowed_ips = 10.0.0.0/8, ::1\n[tags]\nrole = web\n";
const TOML = 'port = 7443\nallowed_ips = ["10.0.0.0/8"]\n[tags]\nrole = "web"\n';

const folder = mkdtempSync(join(tmpdir(), "ctrl-exec-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const { config } = await parseControllerConfig(
  join(folder, "ctrl-exec.conf"),
  `state_dir = ${folder}\n`,
);
const context = { config, log: () => undefined, now: () => new Date() };
const controller = { ...context, store: openFileStore(context) };

const ID = "0123456789abcdef";

/** A target whose input is a file below the state folder. */
function stateFile(
  name: string,
  path: string,
  seeds: readonly string[],
  read: () => unknown,
): Target {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  return {
    name,
    seeds,
    pieces: JSON_PIECES,
    read(input) {
      writeFileSync(file, input);
      return read();
    },
  };
}

/** Configuration: only root writes it, and it may take a while, in proportion to its length. */
function ownFile(
  name: string,
  seed: string,
  pieces: readonly string[],
  read: (text: string) => unknown,
): Target {
  return { ...textTarget(name, [seed], pieces, read), maxMs: 200 };
}

const LIST = "say = /opt/say timeout=5 max_output=1M\n# x\n";
const TOML_LIST = 'say = "/opt/say"\n[ask]\npath = "/opt/ask"\ntimeout = 5\n';

const GROUPS = '[web]\nhosts = ["web-[01-20]", "@@db"]\nexcept = "web-02"\n[db]\nhosts = "db-*"\n';
const LISTED =
  '{"web":["web-[01-20]","@@db"],"db":{"hosts":["db-01"],"children":["web"],"vars":{}}}';

/** What it throws is told in words; that of the runtime would not be. */
function readAnswer(text: string): void {
  try {
    for (const [name, listed] of readCommandOutput(Buffer.from(text)))
      listedDefinition(name, "c", listed).members();
  } catch (thrown) {
    if (!(thrown instanceof Error) || Object.getPrototypeOf(thrown) !== Error.prototype)
      throw thrown;
  }
}

const json = (value: unknown) => JSON.stringify(value);
const RESULT = { host: "a", script: "b", exit: 0, stdout: "", stderr: "", rtt: "1ms", reqid: ID };

export const FILES: readonly Target[] = [
  ownFile("agent.conf", CONF, CONF_PIECES, (text) => parseAgentConfig("a.conf", text)),
  ownFile("agent.toml", TOML, TOML_PIECES, (text) => parseAgentConfig("a.toml", text)),
  ownFile("ctrl-exec.conf", CONF, CONF_PIECES, (text) => parseControllerConfig("c.conf", text)),
  ownFile("ctrl-exec.toml", TOML, TOML_PIECES, (text) => parseControllerConfig("c.toml", text)),
  ownFile("scripts.conf", LIST, LIST_PIECES, (text) => parseAllowlist("s.conf", text)),
  ownFile("scripts.toml", TOML_LIST, [...LIST_PIECES, ...TOML_PIECES], (text) =>
    parseAllowlist("s.toml", text),
  ),
  ownFile("groups.toml", GROUPS, [...GROUP_PIECES, ...TOML_PIECES], (text) =>
    readGroupFile("g.toml", text),
  ),
  textTarget("group_command", [LISTED], [...JSON_PIECES, '"children":[', "@@"], readAnswer),
  stateFile(
    "registry record",
    "agents/web-01.json",
    [
      json({
        hostname: "web-01",
        ip: "127.0.0.1",
        paired: "2026-01-01T00:00:00Z",
        expiry: null,
        port: 7443,
      }),
    ],
    () => readRecord(join(folder, "agents/web-01.json")),
  ),
  stateFile(
    "rotation.json",
    "rotation.json",
    [
      json({
        current_serial: "0a",
        previous_serial: "0b",
        rotated_at: "2026-01-01T00:00:00Z",
        overlap_days: 1,
      }),
    ],
    () => readRotation(config),
  ),
  stateFile(
    "run record",
    `runs/${ID}.json`,
    [
      json({
        reqid: ID,
        script: "b",
        hosts: ["a"],
        results: [RESULT],
        completed: 1,
        complete: true,
      }),
    ],
    () => readRunRecord(controller, ID, new ReplyBudget(2 ** 30).open()),
  ),
  stateFile(
    "queued pairing request",
    `pairing/${ID}.json`,
    [
      json({
        id: ID,
        hostname: "a",
        ip: "::1",
        csr: REQUEST,
        nonce: "0",
        received: "2026-01-01T00:00:00Z",
        code: "123456",
      }),
    ],
    () => listRequests(controller),
  ),
  stateFile("list of what the CA signed", "issued", ["0a 2036-01-01T00:00:00Z web-01\n"], () =>
    issuedTo(config, "web-01", new Date(0)),
  ),
];
