/** `run web-01 deploy extra` is a run of extra on web-01 and deploy: when that is likely a slip, it is said. */
import { describe, expect, test } from "bun:test";
import {
  hintOnResults,
  hintOnWords,
  type Known,
} from "../../../../src/cli/controller/forgotten-mark.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";

const NOTHING: Known = { isHost: async () => false, hasRun: async () => false };
const HOSTS = new Set(["web-01", "web-02", "db-01"]);
const FLEET: Known = { ...NOTHING, isHost: async (name) => HOSTS.has(name) };
const SEEN: Known = { ...FLEET, hasRun: async (script) => script === "deploy" };

const REFUSED = "script not permitted";
const LATE = "read timeout after 60s";
const LOST = "cannot resolve the name of deploy:7443";

/** @param errors of each host; undefined is a script that ran */
function hint(words: string, errors: readonly (string | undefined)[], known: Known) {
  const typed = words.split(" ");
  const hosts = typed.slice(0, -1);
  const results = errors.map((error, index): RunResult => {
    const head = {
      host: hosts[index] ?? "",
      script: "",
      stdout: "",
      stderr: "",
      rtt: "",
      reqid: "",
    };
    return error === undefined
      ? { ...head, exit: 0, state: "ended" }
      : { ...head, exit: -1, state: error === LATE ? "unknown" : "never-ran", error };
  });
  return hintOnResults({ hosts, script: typed.at(-1) ?? "" }, results, known);
}

const meant = (script: string, line: string) =>
  `${script} was read as a host. If it is the script, its arguments go after --: ctrl-exec run ${line}`;

describe("after a run", () => {
  test.each<[string, (string | undefined)[], Known, string]>([
    ["web-01 deploy extra", [REFUSED, LOST], FLEET, "web-01 deploy -- extra"],
    ["web-01 web-02 deploy 1 2", [REFUSED, "x", LOST, LOST], FLEET, "web-01 web-02 deploy -- 1 2"],
    // The word is a script that both hosts have: it has run without its argument's script.
    ["web-01 deploy status", [undefined, LOST], SEEN, "web-01 deploy -- status"],
    ["web-01 deploy extra", ["connection refused", LOST], SEEN, "web-01 deploy -- extra"],
    ["web-01 10.0.0.5 deploy a;b", [REFUSED, LOST, LOST], FLEET, "web-01 10.0.0.5 deploy -- 'a;b'"],
  ])("%s", async (words, errors, known, line) => {
    expect(await hint(words, errors, known)).toBe(meant("deploy", line));
  });

  test.each<[string, string, (string | undefined)[], Known]>([
    ["every host is registered", "web-01 db-01 extra", [REFUSED, REFUSED], FLEET],
    ["a host of two is misspelt", "web-01 web-o2 deploy", [undefined, LOST], SEEN],
    ["the first word is not a host", "deploy web-01 extra", [LOST, REFUSED], SEEN],
    ["one host", "web-01 extra", [REFUSED], SEEN],
    ["the word has answered", "web-01 deploy extra", [REFUSED, undefined], FLEET],
    ["the word is a host that is slow", "web-01 deploy extra", [REFUSED, LATE], FLEET],
    ["an address that is down", "web-01 10.0.0.5 extra", [REFUSED, LOST], FLEET],
    ["nobody knows", "web-01 deploy extra", ["connection refused", LOST], FLEET],
  ])("nothing is said when %s", async (_, words, errors, known) => {
    expect(await hint(words, errors, known)).toBeUndefined();
  });
});

describe("of words that cannot be hosts", () => {
  test.each([
    [["web-01", "deploy", "key=value"], "x", "deploy", "web-01 deploy -- key=value x"],
    [["web-01", "deploy_app"], "extra", "deploy_app", "web-01 deploy_app -- extra"],
    [["web-01", "deploy", "/a b"], "x", "deploy", "web-01 deploy -- '/a b' x"],
    [["web-01", "deploy", "img/app:v1"], "x", "deploy", "web-01 deploy -- img/app:v1 x"],
    [["web-01", "deploy", "http://db-01/x"], "x", "deploy", "web-01 deploy -- http://db-01/x x"],
  ] as const)("%j %s", (hosts, script, word, line) => {
    expect(hintOnWords({ hosts, script })).toBe(meant(word, line));
  });

  test.each([
    [["web-01", "deploy", "a\nb"], "x"],
    [["web-01", "deploy", "a b"], "x\t"],
    [["web-01", "deploy", "\u001b[31m"], "x"],
    [["web-01", "deploy", "/x\u202e"], "x"],
  ] as const)("T74 no command is given for %j %s, which a screen would change", (hosts, script) => {
    expect(hintOnWords({ hosts, script })).toBe(
      "deploy was read as a host. If it is the script, its arguments go after --: see ctrl-exec run --help",
    );
  });

  test.each([
    [["not_a_host"], "deploy"],
    [["web-01", "web-02", "10.0.0.1:xx"], "deploy"],
    [["web-01", "web-02", "db-01:80a"], "deploy"],
    [["web-01", "web-02", "[::1]:xx"], "deploy"],
    [["web-01", "web-02", "db-01:744300"], "deploy"],
    [["web-01:0", "web-02"], "deploy"],
    [["web-01", "web-02:0"], "deploy"],
    [["web-01", "web-02", "db-01:0"], "deploy"],
    [["key=value"], "deploy"],
    [["web-01", "web-02"], "deploy"],
  ] as const)("nothing is said of %j %s", (hosts, script) => {
    expect(hintOnWords({ hosts, script })).toBeUndefined();
  });
});
