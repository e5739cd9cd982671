/** Where a host that an operator names is dialled. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { freePort } from "../../../src/system/net/free-port.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";

let control: ControlHost;
let web: TestAgent;
let six: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create();
  web = await control.startAgent("web-01");
  six = await control.startAgent("six-01", { config: ["bind = ::1"], approve: { ip: "::1" } });
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

interface Seen {
  readonly host: string;
  readonly status: string;
  readonly error?: string;
}

async function ping(...args: string[]): Promise<Seen[]> {
  const { out, err } = await control.run("ping", [...args, "--json"]);
  const { results } = JSON.parse(out);
  if (results === undefined) throw new Error(out + err);
  return results;
}

/** Which `host:port` was dialled last. */
async function dialled(...args: string[]): Promise<string> {
  const [result] = await ping(...args);
  return /(?:refused by|name of) (\S+?)(?::$|$|: |\. | )/.exec(result?.error ?? "")?.[1] ?? "";
}

test("a registered name is dialled at its recorded address and port", async () => {
  expect(await ping("web-01")).toMatchObject([{ host: "web-01", status: "ok" }]);
});

test("results carry the name as it was asked for", async () => {
  const address = `127.0.0.1:${web.port}`;
  expect(await ping("WEB-01")).toMatchObject([{ host: "WEB-01", status: "ok" }]);
  expect(await ping(address)).toMatchObject([{ host: "127.0.0.1", status: "ok" }]);
  const { status, err } = await control.run("ping", ["WEB-01", address]);
  expect(status).toBe(2);
  expect(err).toBe(
    "ctrl-exec: 127.0.0.1 is given twice (it is web-01)\nLeave one of them out: a host is asked once.\n",
  );
});

test("IPv6, as a recorded address and as a target", async () => {
  expect(await ping("six-01")).toMatchObject([{ host: "six-01", status: "ok" }]);
  expect(await ping(`[::1]:${six.port}`)).toMatchObject([{ host: "::1", status: "ok" }]);
  expect(await ping("::1", `--port=${six.port}`)).toMatchObject([{ host: "::1", status: "ok" }]);
  const free = freePort("::1");
  expect(await dialled(`[::1]:${free}`)).toBe(`[::1]:${free}`);
});

test("a typed port wins over --port, --port over the record, 7443 is the last resort", async () => {
  const [typed, option] = [freePort(), freePort()];
  expect(await dialled(`web-01:${typed}`, `--port=${option}`)).toBe(`127.0.0.1:${typed}`);
  expect(await dialled("web-01", `--port=${option}`)).toBe(`127.0.0.1:${option}`);
  expect(await dialled("no-such-host.invalid")).toBe("no-such-host.invalid:7443");
  const [unknown] = await ping("no-such-host.invalid");
  expect(unknown?.error).toContain("No host is registered as no-such-host.invalid. See: ");
});

test("approve records an address, a port and how to dial; edit-agent changes them", async () => {
  const port = freePort();
  const changed = await control.mustRun("edit-agent", [
    ...["web-01", "--ip=127.0.0.9", `--agent-port=${port}`, "--lookup-by=ip"],
  ]);
  expect(changed.out).toBe(`web-01: 127.0.0.9, port ${port}, dialled by ip\n`);
  expect(await dialled("web-01")).toBe(`127.0.0.9:${port}`);
  expect((await control.mustRun("list-agents")).out).toMatch(/^web-01 +127\.0\.0\.9 /m);
  await control.mustRun("edit-agent", ["WEB-01", "--ip=127.0.0.1", `--agent-port=${web.port}`]);
  expect(await ping("web-01")).toMatchObject([{ status: "ok" }]);
});

test("by host name: the resolver's answer counts, the recorded address when there is none", async () => {
  await control.mustRun("edit-agent", ["web-01", "--lookup-by=hostname"]);
  // Nothing resolves web-01 here, so it is the recorded address.
  expect(await ping("web-01")).toMatchObject([{ host: "web-01", status: "ok" }]);
  const file = control.folder.join("control", "state", "agents", "localhost.json");
  const record = JSON.parse(readFileSync(file.replace("localhost", "web-01"), "utf8"));
  // localhost resolves, so the recorded address, where nobody is, does not matter.
  writeFileSync(file, JSON.stringify({ ...record, hostname: "localhost", ip: "127.0.0.99" }));
  const [result] = await ping("localhost");
  expect(result?.error).toContain("localhost answered with the certificate of web-01");
});

test.each([
  [["nobody", "--ip=10.0.0.1"], 1, /Cannot find nobody: no such host is registered/],
  [["../web-01", "--ip=10.0.0.1"], 1, /Cannot find \.\.\/web-01/],
  [["web-01"], 2, /edit-agent needs --ip, --agent-port or --lookup-by/],
  [["web-01", "--ip=somewhere"], 2, /--ip takes an IP address, not "somewhere"/],
  [["web-01", "--ip=::1%lo"], 2, /--ip takes an IP address, not "::1%lo"/],
  [["web-01", "--ip=fe80::1%1"], 2, /--ip takes an IP address, not "fe80::1%1"/],
  [["web-01", "--ip=fe80::1"], 2, /with its interface, not "fe80::1"\nAs in fe80::1%eth0/],
  [["web-01", "--agent-port=0"], 2, /--agent-port takes a whole number from 1 to 65535/],
  [["web-01", "--lookup-by=dns"], 2, /--lookup-by takes hostname or ip, not "dns"/],
])("edit-agent %p is refused", async (args, exit, words) => {
  const { status, err } = await control.run("edit-agent", args);
  expect(status).toBe(exit);
  expect(err).toMatch(words);
});

test.each(["web-01:", "web-01:70000", "web-01:x", "[::1", "-", "a_b", "http://web-01", "é"])(
  "%p is not a target",
  async (target) => {
    const { status, err } = await control.run("ping", [target]);
    expect(status).toBe(2);
    expect(err).toContain(`"${target}" is not a host, host:port or address`);
  },
);

test("a broken record is named and hides no other host", async () => {
  control.folder.write("control/state/agents/broken.json", "{");
  const { status, out, err } = await control.run("list-agents");
  expect(status).toBe(1);
  expect(out).toMatch(/^web-01 /m);
  expect(err).toContain("/agents/broken.json: not JSON");
  expect(await ping("web-01")).toMatchObject([{ status: "ok" }]);
});

test("unpair removes the record: the name is an ordinary host again", async () => {
  const gone = await control.addAgent("gone-01");
  await gone.pair();
  const { out, err } = await control.mustRun("unpair", ["gone-01"]);
  expect(err).toContain("Until then it can still answer where it is called by its address");
  expect(out).toMatch(
    /^Unpaired gone-01\. Its certificate stays valid until .* GMT\.\nSerial: [0-9a-f]{32}\n$/,
  );
  expect(err).toContain(
    `revoke it with: ctrl-exec unpair gone-01 --revoke --config ${control.config};`,
  );
  expect((await control.run("list-agents")).out).not.toContain("gone-01");
  const again = await control.run("unpair", ["gone-01"]);
  expect(again.status).toBe(1);
  expect(again.err).toBe(
    "Cannot find gone-01: no such host is registered\n".replace("Cannot", "ctrl-exec: Cannot") +
      `See: ctrl-exec list-agents --config ${control.config}\n`,
  );
  const serial = /Serial: (.*)/.exec(out)?.[1] ?? "none";
  const revoked = await control.mustRun("unpair", ["gone-01", "--revoke"]);
  expect(revoked.out).toBe(
    `gone-01 was unpaired before. This control host no longer accepts its certificates.\nRevoked here: ${serial}\n`,
  );
  expect(revoked.err).toBe("");
});

test("unpair --revoke that cannot read all that was signed says so, and ends 1", async () => {
  await (await control.addAgent("gone-02")).pair();
  const file = control.folder.join("control/state/issued-certificates");
  const whole = readFileSync(file, "utf8");
  writeFileSync(file, `garbage\n${whole}`);
  const { status, out, err } = await control.run("unpair", ["gone-02", "--revoke"]);
  writeFileSync(file, whole);
  expect(status).toBe(1);
  expect(out).toMatch(/^Unpaired gone-02\..*\nRevoked here: [0-9a-f]{32}\n$/);
  expect(err).toContain(
    `${file}: cannot read line 1: certificates of gone-02 may be missing above`,
  );
  expect(err).toContain(`ctrl-exec unpair gone-02 --revoke --config ${control.config}.`);
});
