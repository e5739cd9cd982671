/** Why nobody could be called: the kernel's own answer, for each way in which it has one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { join } from "node:path";
import { call } from "../../../../src/system/net/call.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { listen } from "../../../../src/system/net/listen.ts";
import { type RunOptions, runCommand } from "../../../support/binary.ts";
import { DeadHost } from "../../../support/dead-host.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { ANSWERS, LOOPBACK_ANSWERS, mayHaveNetwork, NETWORK } from "../../../support/network.ts";
import { openFiles } from "../../../support/processes.ts";

const PROGRAM = join(import.meta.dir, "../../../support/call-program.ts");

async function outcomesOf(calls: readonly string[], options: RunOptions = {}): Promise<unknown> {
  const { out, err } = await runCommand([process.execPath, PROGRAM, ...calls], options);
  expect(err).toBe("");
  return JSON.parse(out);
}

test("each reason why a host cannot be called is told from the others", async () => {
  const network = (await mayHaveNetwork()) ? NETWORK : undefined;
  const answers = network === undefined ? LOOPBACK_ANSWERS : ANSWERS;
  const port = freePort();
  const calls = answers.map(([address]) => `${address} ${port} 20000`);
  expect(await outcomesOf(calls, { network })).toEqual(answers.map(([, code]) => code));
});

test("the system's own patience is over before ours", async () => {
  using dead = new DeadHost();
  const hasNetwork = await mayHaveNetwork();
  const network = [...NETWORK, "echo 1 > /proc/sys/net/ipv4/tcp_syn_retries"];
  const call = hasNetwork ? "10.9.0.8 1 60000" : `127.0.0.1 ${dead.port} 100`;
  const began = performance.now();
  expect(await outcomesOf([call], { network: hasNetwork ? network : undefined })).toEqual([
    "ETIMEDOUT",
  ]);
  expect(performance.now() - began).toBeLessThan(30_000);
});

test("an address of a family that is turned off is not one that refuses", async () => {
  const hasNetwork = await mayHaveNetwork();
  const network = [...NETWORK, "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"];
  const calls = hasNetwork ? ["::1 1 20000"] : ["fe80::1%no-such-if 1 20000"];
  expect(await outcomesOf(calls, { network: hasNetwork ? network : undefined })).toEqual([
    hasNetwork ? "EADDRNOTAVAIL" : "ENODEV",
  ]);
});

describe("a name with several addresses", () => {
  let hosts: TestFolder;
  beforeAll(() => {
    hosts = new TestFolder();
    hosts.write(
      "hosts",
      "fd09::7 half\n127.0.0.1 half\n10.9.0.8 slow\n127.0.0.1 slow\nfd10:1::1 gone\n10.10.3.1 gone\n",
    );
  });
  afterAll(() => hosts[Symbol.dispose]());

  test("is called at each until one answers, and fails for the reason that says most", async () => {
    // Where no mounts may be made, localhost must do.
    if (!(await mayHaveNetwork())) {
      const port = freePort();
      const calls = [`listen 127.0.0.1 ${port}`, `localhost ${port} 20000`];
      expect(await outcomesOf(calls)).toEqual(["127.0.0.1"]);
      return;
    }
    const network = [...NETWORK, `mount --bind ${hosts.join("hosts")} /etc/hosts`];
    const names = ["half 40009 20000", "slow 40009 20000", "gone 40009 20000", "half 40010 20000"];
    expect(await outcomesOf(["listen 127.0.0.1 40009", ...names], { network })).toEqual([
      "127.0.0.1",
      "127.0.0.1",
      "EACCES",
      "ECONNREFUSED",
    ]);
  });
});

/** Descriptors of this process that are sockets. */
const sockets = () => openFiles(process.pid).filter((file) => file.startsWith("socket:")).length;

test("a call that is given up at once ends, also if it is answered; one that was answered stays", async () => {
  const server = createServer();
  const port = await listen(server, "127.0.0.1", 0);
  const before = sockets();
  const over = Promise.withResolvers<void>();
  const given = call("127.0.0.1", port, over.resolve);
  given.giveUp();
  await expect(given.answered).rejects.toMatchObject({ code: "ECONNABORTED" });
  await over.promise;
  let ends = 0;
  const made = call("127.0.0.1", port, () => {
    ends += 1;
  });
  const connection = await made.answered;
  made.giveUp();
  expect([connection.closed, ends]).toEqual([false, 0]);
  connection.close();
  expect([connection.closed, ends]).toEqual([true, 1]);
  server.close();
  await until("nothing is held any more", () => sockets() <= before);
});

test("a call that fails at once holds no descriptor", async () => {
  const before = sockets();
  for (const [address, code] of [
    ["255.255.255.255", "ENETUNREACH"],
    ["ff02::1%lo", "ENETUNREACH"],
  ] as const) {
    let ends = 0;
    const { answered } = call(address, 1, () => {
      ends += 1;
    });
    await expect(answered).rejects.toMatchObject({ code });
    expect(ends).toBe(1);
  }
  expect(sockets()).toBe(before);
});
