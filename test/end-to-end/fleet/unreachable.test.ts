/** Nobody answers: each program says why, as the kernel told it, and what to do. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { isIp } from "../../../src/core/net/ip-address.ts";
import { freePort } from "../../../src/system/net/free-port.ts";
import type { RunOptions } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { mayHaveNetwork, NETWORK } from "../../support/network.ts";

/** What is said of an address that answers with the code, and what the next step names. */
const WORDS: readonly (readonly [string, string, string])[] = [
  ["127.0.0.1", "connection refused by ", "run"],
  ["fe80::1%no-such-if", "has no interface named no-such-if", "ip link"],
  ["fe80::1", "a link-local address is on every interface", "fe80::1%eth0"],
  ["10.9.0.7", "the host is off, or a route or firewall", "ip route get 10.9.0.7"],
  ["10.10.1.1", "the host is off, or a route or firewall", "ip route get 10.10.1.1"],
  ["10.10.2.1", "this host throws away what it sends to ", "ip route get 10.10.2.1"],
  ["10.10.3.1", "this host forbids connections to ", "ip route get 10.10.3.1"],
  ["fd10:3::1", "this host forbids connections to ", "ip route get fd10:3::1"],
  ["203.0.113.1", "no route to the network of ", "ip route get 203.0.113.1"],
  ["nowhere.test", "no route to the network of ", "ip route get <its address>"],
  ["dual.test", "connection refused by ", "run"],
];

/** The resolver puts an address that no route leads to last. */
const HOSTS = "203.0.113.1 nowhere.test\n203.0.113.1 dual.test\n127.0.0.1 dual.test\n";

let control: ControlHost;
let agent: TestAgent;
let options: RunOptions;
let words: typeof WORDS;
const port = freePort();

beforeAll(async () => {
  control = await ControlHost.create(["read_timeout = 20", "connect_timeout = 20"]);
  agent = await control.addAgent("web-01");
  await agent.pair();
  // In an ordinary user's namespace root's folders belong to nobody, and are refused for that. There, and where
  // none may be made, what the loopback interface answers must do.
  const hasNetwork = process.getuid?.() === 0 && (await mayHaveNetwork());
  const hosts = control.folder.write("hosts", HOSTS);
  const network = [...NETWORK, `mount --bind ${hosts} /etc/hosts`];
  options = { network: hasNetwork ? network : undefined };
  words = hasNetwork ? WORDS : WORDS.slice(0, 3);
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

test.each([["ping"], ["run"]])("%s says of each host why it cannot be called", async (mode) => {
  const hosts = words.map(([host]) => host);
  const script = mode === "run" ? ["report"] : [];
  const args = [...hosts, ...script, `--port=${port}`, "--json"];
  const { status, out } = await control.run(mode, args, options);
  expect(status).toBe(1);
  const { results } = JSON.parse(out) as { results: { host: string; error: string }[] };
  expect(results.map(({ host }) => host).toSorted()).toEqual(hosts.toSorted());
  for (const [host, reason, step] of words) {
    const error = results.find((result) => result.host === host)?.error;
    expect(error).toContain(reason);
    expect(error).toContain(step);
  }
});

test("request-pairing says why the control host cannot be called", async () => {
  for (const [host, reason, step] of words) {
    const called = [`--hostname=web-02`, `--dispatcher=${host}`, `--port=${port}`];
    const { status, err } = await agent.run("request-pairing", called, options);
    expect(status).toBe(1);
    const [first = "", second = ""] = err.split("\n");
    expect(first).toStartWith("ctrl-exec-agent: Cannot pair: ");
    expect(first).toContain(reason);
    expect(second).toContain(step);
  }
});

test("self-ping says why the agent's own address cannot be called", async () => {
  for (const [host, reason, step] of words) {
    if (!isIp(host) || host.includes("%")) continue;
    agent.writeConfig([`bind = ${host}`]);
    const { status, err } = await agent.run("self-ping", [], options);
    expect(status).toBe(1);
    expect(err).toStartWith("ctrl-exec-agent: Cannot self-ping: ");
    expect(err).toContain(reason);
    expect(err).toContain(step);
  }
});
