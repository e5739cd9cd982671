/** T31 to T33: hosts that join with a token, by the compiled programs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join as joinOnce } from "../../../src/agent/pairing/join.ts";
import { joinWithPatience } from "../../../src/agent/pairing/join-attempts.ts";
import { readJoinToken } from "../../../src/core/join-token.ts";
import { readDocument } from "../../support/documents.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { type Joiner, joiner } from "../../support/join-stage.ts";

let control: ControlHost;
let port: number;
let count = 0;

beforeAll(async () => {
  control = await ControlHost.create();
  port = await control.pairingPort();
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

interface Made {
  readonly token: string;
  readonly id: string;
}

async function tokenOf(host: ControlHost, ...args: string[]): Promise<Made> {
  return JSON.parse((await host.mustRun("token", ["create", "--json", ...args])).out);
}

/** Writes the token where an agent finds it. */
function written(host: ControlHost, text: string): string {
  count += 1;
  return host.folder.write(`token-${count}`, `${text}\n`, 0o600);
}

const joinArgs = (name: string, file: string, more: readonly string[] = [], at = port) => [
  "--ctrl-exec=127.0.0.1",
  `--port=${at}`,
  `--hostname=${name}`,
  `--token-file=${file}`,
  "--timeout=0",
  ...more,
];

async function listed(host: ControlHost, id: string) {
  const tokens = JSON.parse((await host.mustRun("token", ["list", "--json"])).out);
  return tokens.find((token: Made) => token.id === id);
}

test("a host joins with a token, serves at once, and its token is gone", async () => {
  const agent = await control.addAgent("web-01", { scripts: { hello: "echo hello" } });
  const { token, id } = await tokenOf(control, "--name=web-*", "--tag=role=web", "--tag=env=test");
  const file = written(control, token);
  const finished = await agent.run("join", joinArgs("web-01", file, ["--consume"]));
  expect(finished.err).toContain("Joined as web-01.");
  expect(finished.status).toBe(0);
  expect([existsSync(file), existsSync(agent.path("agent.key.join"))]).toEqual([false, false]);
  expect(statSync(agent.path("agent.key")).mode & 0o777).toBe(0o640);
  await agent.serve();
  await control.mustRun("edit-agent", ["web-01", "--lookup-by=ip"]);
  const run = await control.mustRun("run", ["@role=web,env=test", "hello"]);
  expect(run.out).toContain("hello");
  expect(await listed(control, id)).toMatchObject({ used: 1, uses: 1, state: "used-up" });
  expect(control.log.of("join")).toMatchObject([{ fields: { AGENT: "web-01", TOKEN: id } }]);
  // T32: neither programs' logs nor the control host's files have the secret.
  const state = control.folder.join("control");
  const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  for (const entry of files) {
    const text = readFileSync(`${entry.parentPath}/${entry.name}`).toString("latin1");
    expect(text).not.toContain(token.slice(60, 100));
  }
  expect(JSON.stringify(control.log.lines)).not.toContain(token.slice(60, 100));
  expect(finished.err + finished.out).not.toContain(token.slice(60, 100));
});

test("T31 a token that is used up ends 3, and the token's file stays", async () => {
  const { token } = await tokenOf(control);
  const file = written(control, token);
  const [first, second] = [await control.addAgent("app-01"), await control.addAgent("app-02")];
  expect((await first.run("join", joinArgs("app-01", file))).status).toBe(0);
  const refused = await second.run("join", joinArgs("app-02", file, ["--consume"]));
  expect([refused.status, existsSync(file)]).toEqual([3, true]);
  expect(refused.err).toContain("Refused: this token is used up. Nothing was stored.\n");
  expect(existsSync(second.path("agent.crt"))).toBe(false);
  // Nor is the key kept of a join that will never be.
  expect(existsSync(second.path("agent.key.join"))).toBe(false);
});

test("T31 a stolen token is of no use elsewhere, nor after it was revoked", async () => {
  const agent = await control.addAgent("thief-01");
  const bound = await tokenOf(control, "--from=192.0.2.0/24");
  const away = await agent.run("join", joinArgs("thief-01", written(control, bound.token)));
  expect([away.status, away.err.split("\n")[0]]).toEqual([
    3,
    "Refused: this token is not for this host. Nothing was stored.",
  ]);
  const { token, id } = await tokenOf(control);
  await control.mustRun("token", ["revoke", id]);
  const revoked = await agent.run("join", joinArgs("thief-01", written(control, token)));
  expect([revoked.status, revoked.err.split("\n")[0]]).toEqual([
    3,
    "Refused: this token is revoked. Nothing was stored.",
  ]);
  const agents = (await control.mustRun("list-agents", ["--json"])).out;
  expect(agents).not.toContain("thief-01");
});

test("T31 a token that was cut or altered is refused before anything is dialled, and is not shown", async () => {
  const { token } = await tokenOf(control);
  let calls = 0;
  const server = createServer((socket) => {
    calls += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const at = typeof address === "object" && address !== null ? address.port : 0;
  const agent = await control.addAgent("web-09");
  const altered = `${token.slice(0, 70)}${token[70] === "A" ? "B" : "A"}${token.slice(71)}`;
  for (const text of [token.slice(0, -5), altered, "hunter2"]) {
    const finished = await agent.run("join", joinArgs("web-09", written(control, text), [], at));
    expect(finished.status).toBe(2);
    expect(finished.err).toMatch(
      /Cannot take a join token from .*: it (was cut|was altered|is not)/,
    );
    expect(finished.err).not.toContain(text.slice(5, 20));
  }
  expect(calls).toBe(0);
  await new Promise((resolve) => server.close(resolve));
});

test("T31 a control host of another CA is told nothing; standard input is read for -", async () => {
  await using other = await ControlHost.create();
  const { token } = await tokenOf(other);
  const agent = await control.addAgent("web-08");
  const finished = await agent.run("join", joinArgs("web-08", "-"), { input: token });
  expect(finished.status).toBe(1);
  expect(finished.err).toContain("is not the expected one");
  expect(control.log.of("join-refuse").some(({ fields }) => fields.AGENT === "web-08")).toBe(false);
});

test("what cloud-init is told in the documents joins a host", async () => {
  const [, text = ""] =
    /```yaml\n(#cloud-config[\s\S]*?)```/.exec(readDocument("docs/OPERATIONS.md")) ?? [];
  const config = Bun.YAML.parse(text) as {
    write_files: { path: string; permissions: string; content: string }[];
    runcmd: string[][];
  };
  const [file] = config.write_files;
  const [[program, mode = "", ...args] = []] = config.runcmd;
  expect([program, file?.permissions]).toEqual(["ctrl-exec-agent", "0600"]);
  const { token } = await tokenOf(control);
  expect(token).toStartWith(file?.content.replace(/\.+$/, "") ?? "?");
  const path = written(control, token);
  const here = new Map([
    [file?.path, path],
    ["ctrl.example.com", "127.0.0.1"],
  ]);
  const agent = await control.addAgent("cloud-01");
  const joined = await agent.run(mode, [
    ...args.map((word) => here.get(word) ?? word),
    `--port=${port}`,
    "--hostname=cloud-01",
  ]);
  expect([joined.status, existsSync(path)]).toEqual([0, false]);
});

/** Joins until it is decided, as the agent does. */
async function joins(host: Joiner, text: string, at: () => number): Promise<boolean> {
  const token = readJoinToken(text);
  if (typeof token === "string") throw new Error(token);
  const outcome = await joinWithPatience(
    () =>
      joinOnce({
        controller: "127.0.0.1",
        port: at(),
        servePort: 7443,
        report: { version: "1.1.0" },
        token,
        own: undefined,
        now: () => new Date(),
        ...host,
      }),
    {
      forMs: 60_000,
      firstMs: 50,
      longestMs: 400,
      random: Math.random,
      clock: () => performance.now(),
      pause: (ms) => Bun.sleep(ms),
      onFailure: () => undefined,
    },
  );
  return outcome.kind === "joined";
}

const hostsNamed = (name: string, many: number) =>
  Promise.all(Array.from({ length: many }, (_, index) => joiner(`${name}-${index}`)));

// Longer than others: two hundred handshakes, signatures and synced writes.
test("T31 two hundred hosts at once, and uses for a hundred and fifty: exactly those join", async () => {
  const { token, id } = await tokenOf(control, "--uses=150");
  const hosts = await hostsNamed("burst", 200);
  const joined = await Promise.all(hosts.map((host) => joins(host, token, () => port)));
  expect(joined.filter(Boolean)).toHaveLength(150);
  expect(await listed(control, id)).toMatchObject({ used: 150, state: "used-up" });
  const agents = JSON.parse((await control.mustRun("list-agents", ["--json"])).out);
  expect(
    agents.filter(({ hostname }: { hostname: string }) => hostname.startsWith("burst-")),
  ).toHaveLength(150);
});

test("T10 T31 a control host that is killed in the middle counts each host once", async () => {
  await using host = await ControlHost.create();
  let at = await host.pairingPort();
  const { token, id } = await tokenOf(host, "--uses=12");
  const hosts = await hostsNamed("web", 16);
  const all = Promise.all(hosts.map((each) => joins(each, token, () => at)));
  for (const done of [3, 7]) {
    await until("some have joined", () => host.log.of("join").length >= done);
    await host.stopPairing("SIGKILL");
    at = await host.pairingPort();
  }
  expect((await all).filter(Boolean)).toHaveLength(12);
  expect(await listed(host, id)).toMatchObject({ used: 12, state: "used-up" });
});

test("T31 rules of join.d: a token that none allows is not made, and a host that none allows does not join", async () => {
  const rule = (text: string) => control.folder.write("control/join.d/web.toml", text);
  try {
    const file = rule('names = ["rule-*"]\ntags = { role = ["web"] }');
    const refused = await control.run("token", ["create", "--name=rule-*", "--tag=role=db"]);
    expect([refused.status, refused.out]).toEqual([1, ""]);
    expect(refused.err).toStartWith(
      "Denied: no rule of join.d allows such a token: web: no tag role=db\n",
    );
    const made = await control.mustRun("token", ["create", "--tag=role=web"]);
    expect(made.err).toContain("Rules of join.d that allow it: web.\n");
    const other = await control.addAgent("other-01");
    const text = made.out.trim();
    const kept = await other.run("join", joinArgs("other-01", written(control, text)));
    expect([kept.status, kept.err]).toEqual([
      3,
      expect.stringContaining("this token is not for this host"),
    ]);
    const agent = await control.addAgent("rule-01");
    // As long as the rule cannot be read nobody joins, and the log says which file it is.
    rule("names = [");
    const late = await agent.run("join", joinArgs("rule-01", written(control, text)));
    expect(late.status).not.toBe(0);
    const reasons = control.log.of("join-refuse").map(({ fields }) => [fields.CODE, fields.REASON]);
    expect(reasons.slice(-2)).toEqual([
      ["rule", "no rule of join.d allows it: web: other names"],
      ["local", expect.stringContaining(file)],
    ]);
    const broken = await control.run("token", ["create"]);
    expect([broken.status, broken.out]).toEqual([78, ""]);
    expect(broken.err).toContain(file);
    rule('names = ["rule-*"]\ntags = { role = ["web"] }');
    const joined = await agent.run("join", joinArgs("rule-01", written(control, text)));
    expect(joined.status).toBe(0);
    expect(control.log.of("join").at(-1)?.fields).toMatchObject({ AGENT: "rule-01", RULE: "web" });
  } finally {
    rmSync(control.folder.join("control/join.d"), { recursive: true });
  }
});
