/** docs/PROTOCOL.md is true of the programs: members, refusals, files, columns and routes are as its tables say. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { ROUTES } from "../../../src/api/routes.ts";
import { newRequestId } from "../../../src/core/request-id.ts";
import { Authority, type HostCredential } from "../../support/authority.ts";
import { Running } from "../../support/binary.ts";
import { readDocument } from "../../support/documents.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { PairingStranger, pairingRequest } from "../../support/pairing-stranger.ts";
import {
  ask,
  controllerIdentity,
  get,
  type Identity,
  jsonOf,
  post,
  type RawOutcome,
  statusOf,
} from "../../support/raw-agent.ts";

const page = readDocument("docs/PROTOCOL.md");

/** The rows of the tables below a heading, their cells by column. */
function rowsBelow(heading: string): string[][] {
  const [, rest = ""] = page.split(`\n${heading}\n`);
  const own = rest.split(/\n#{2,3} /)[0] ?? "";
  const rows = own.match(/^\|.*\|$/gm) ?? [];
  return rows.map((row) => row.slice(2, -2).split(" | "));
}

/** The row whose first cell says so. */
function rowOf(heading: string, first: string): string[] {
  const found = rowsBelow(heading).find(([cell = ""]) => cell === first);
  if (found === undefined) throw new Error(`${heading} has no row ${first}`);
  return found;
}

/** Names in backquotes. */
function names(text = ""): string[] {
  return [...text.matchAll(/`([a-z0-9_]+)`/g)].map(([, name = ""]) => name).sort();
}

function literals(text = ""): unknown[] {
  return [...text.matchAll(/`(\{.*?\})`/g)].map(([, json = ""]) => JSON.parse(json));
}

const keys = (value: object) => Object.keys(value).sort();

let control: ControlHost;
let agent: TestAgent;
let good: Identity;

beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", {
    scripts: {
      greet: "echo hello",
      context: "cat",
      bytes: "printf '\\377'; printf '\\376' >&2",
      killed: "kill -TERM $$",
      hanging: `: > ${control.folder.join("hangs")}; exec sleep 60`,
      slow: `: > ${control.folder.join("begun")}; while ! test -e ${control.folder.join("go")}; do sleep 0.02; done`,
    },
    allowlist: [
      `much = ${control.folder.script("web-01/scripts/much.sh", "echo much; echo much >&2")} max_output=1`,
      `late = ${control.folder.script("web-01/scripts/late.sh", "sleep 60")} timeout=1`,
    ],
  });
  good = controllerIdentity(control);
});
afterAll(async () => await control[Symbol.asyncDispose]());

const reqid = "a1b2c3d4e5f60718";
const send = async (request: string | Uint8Array, identity = good) =>
  await ask(agent.port, identity, request);
const run = async (script: string, more: object = {}) => {
  return jsonOf(await send(post("/run", { script, args: [], reqid, ...more })));
};

describe("section 2: the members of", () => {
  const request = (line: string) => rowOf("## 2. Requests to an agent", `\`${line}\``);

  /** As a control host of 1.1 asks. */
  const runAsNow = (script: string) => run(script, { reqid: newRequestId(), lock: 1 });

  test("the answers to /run are those of its row, and no other", async () => {
    const scripts = ["greet", "bytes", "killed", "much", "late", "not-listed"];
    const answers = await Promise.all(scripts.map(async (script) => await runAsNow(script)));
    const cancelled = runAsNow("hanging");
    await until("it runs", () => existsSync(control.folder.join("hangs")));
    const [{ reqid: hanging = "" } = {}] = jsonOf(await send(get("/runs"))).runs as {
      reqid?: string;
    }[];
    expect(jsonOf(await send(post("/cancel", { reqid: hanging })))).toEqual({
      status: "ended",
      left: 0,
    });
    answers.push(await cancelled);
    const [, , documented] = request("POST /run");
    expect([...new Set(answers.flatMap(keys))].sort()).toEqual(names(documented));
  });

  test.each([
    ["POST /ping", () => post("/ping", { reqid, tags: 1 })],
    ["GET /capabilities", () => get("/capabilities")],
    ["POST /renew", () => post("/renew", { reqid })],
  ])("the answer to %s are those of its row", async (line, message) => {
    const outcome = await send(message());
    const [, , documented = ""] = request(line);
    const { status, ...answer } = jsonOf(outcome);
    expect(status).toBe("ok");
    expect(keys(answer)).toEqual(
      names(documented).filter((name) => name !== "ok" && name !== "status"),
    );
  });

  test("what the script gets are those of its list", async () => {
    const [, own = ""] = page.split("\n### What the script gets\n");
    const [listed = ""] = own.split(". ");
    expect(keys(JSON.parse(String((await run("context")).stdout)))).toEqual(names(listed));
  });
});

describe("section 2: the refusal", () => {
  const heading = "### Checks and refusals";
  let stranger: HostCredential;
  let revoked: HostCredential;
  beforeAll(async () => {
    stranger = await Authority.of(control).issue("web-02");
    revoked = await Authority.of(control).issue("web-03");
    control.folder.write("web-01/revoked-serials", `${revoked.serial}\n`);
  });

  const headers = Array.from({ length: 33 }, (_, number) => `X-${number}: 1`);
  const refusals: readonly [string, () => Promise<RawOutcome>][] = [
    ["the certificate is revoked", () => send(post("/ping", {}), revoked)],
    ["another serial than the control host's", () => send(post("/ping", {}), stranger)],
    ["no such method and path", () => send(get("/run"))],
    [
      "`Transfer-Encoding`",
      () => send("POST /run HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ],
    ["more than 1 MiB", () => send("POST /run HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n")],
    ["more than 32 header lines or 16 KiB of them", () => send(get("/capabilities", headers))],
    ["not HTTP, or a request that was cut", () => send("hello\r\n\r\n")],
    [
      "the body is not UTF-8",
      () => send(Buffer.from("POST /run HTTP/1.1\r\nContent-Length: 1\r\n\r\n\xff", "latin1")),
    ],
  ];

  test.each(refusals)("%s", async (refusal, refused) => {
    const [, status, body] = rowOf(heading, refusal);
    const outcome = await refused();
    expect(statusOf(outcome)).toBe(Number(status));
    expect(jsonOf(outcome)).toEqual(literals(body)[0] as Record<string, unknown>);
  });

  test("of /capabilities says less", async () => {
    const [, , body] = rowOf(heading, "another serial than the control host's");
    const outcome = await send(get("/capabilities"), stranger);
    expect(jsonOf(outcome)).toEqual(literals(body)[1] as Record<string, unknown>);
  });
});

describe("section 4: the members of", () => {
  const state = (path: string) => control.folder.join("control", "state", path);
  const members = (path: string) => {
    const [, documented] = rowOf("## 4. Files", `\`${path}\``);
    return names(documented);
  };
  const json = (path: string) => JSON.parse(readFileSync(state(path), "utf8")) as object;

  test("a host's record, and of the rotation", async () => {
    // Tags are there when a host was given some.
    const documented = members("agents/<hostname>.json").filter((name) => name !== "tags");
    expect(keys(json("agents/web-01.json"))).toEqual(documented);
    await control.run("rotate-cert");
    good = controllerIdentity(control);
    expect(keys(json("rotation.json"))).toEqual(members("rotation.json"));
  });

  test("a run's record, and of its lock while it runs", async () => {
    const args = control.withSetting(["run", "web-01", "slow"]);
    const running = new Running("ctrl-exec", args);
    await until("the script runs", () => existsSync(control.folder.join("begun")));
    const held = names(rowOf("## 4. Files", "`locks/<host>--<script>.lock`")[1]);
    expect(keys(json("locks/web-01--slow.lock"))).toEqual(held);
    control.folder.write("go", "");
    await running.child.exited;
    const { out } = await control.run("run", ["web-01", "greet", "--json"]);
    const [result] = JSON.parse(out).results;
    const record = json(`runs/${result.reqid}.json`) as { results: object[] };
    // What only a check has, a run with ports of its own, a rollout, one that goes on, and the result of a long output.
    const others = ["check_of", "ports", "rollout", "begun", "stdout_file", "stderr_file"];
    const documented = members("runs/<reqid>.json").filter((name) => !others.includes(name));
    expect(keys(record)).toEqual(documented);
    expect(record.results).toEqual([result]);
  });

  test("a pairing request that waits", async () => {
    const port = await control.pairingPort();
    using asking = new PairingStranger(port, await pairingRequest("web-09"));
    await asking.answered();
    const id = await control.requestFor("web-09");
    // What the agent need not send: `port`.
    const documented = members("pairing/<reqid>.json").filter((name) => name !== "port");
    expect(keys(json(`pairing/${id}.json`))).toEqual(documented);
  });
});

test("section 5: the tables have the columns that its table says", async () => {
  const modes: Record<string, readonly string[]> = { ping: ["web-01"] };
  const rows = rowsBelow("## 5. Screen and exit status").filter(
    ([mode = "", columns = ""]) =>
      !mode.includes(" --") && /^[A-Z]|^four lines|^since/.test(columns),
  );
  expect(rows).toHaveLength(8);
  for (const [mode = "", columns = ""] of rows) {
    const name = mode.replaceAll("`", "");
    const { out } = await control.run(name, modes[name] ?? []);
    const shown = out.split("\n").find((line) => /^[A-Z ]+$/.test(line) && line !== "");
    expect(shown?.split(/ {2,}/), mode).toEqual(columns.match(/\b[A-Z]{2,}(?: [A-Z]+)?/g) ?? []);
  }
});

test("section 6: the routes are those of the API", () => {
  const documented = rowsBelow("## 6. HTTP API").flatMap(([routes = ""]) =>
    [...routes.matchAll(/`([A-Z]+ \/[^`]*)`/g)].map(([, route = ""]) => route),
  );
  expect(documented.sort()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).sort());
});
