/** T29: what many agents answer is bounded together, and costs no honest host its result. */
import { expect, test } from "bun:test";
import type { TLSSocket } from "node:tls";
import { TestApi } from "../../support/api.ts";
import { FakeAgent, jsonAnswer } from "../../support/fake-agent.ts";
import { ControlHost } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";

interface Answer {
  readonly reqid: string;
  readonly results: {
    host: string;
    exit: number;
    stdout: string;
    state: string;
    error?: string;
  }[];
}

const MUCH = 3_000_000;
const FLOOD = jsonAnswer({ exit: 0, stdout: "x".repeat(MUCH), stderr: "" });

const DROPPED =
  /^the answer of (\S+) to \/run was dropped: it leaves too little of 4 MiB for the answers of other hosts\. The script has run\. max_replies in ctrl-exec\.conf sets the limit$/;

async function floodedHost(onRequest: (socket: TLSSocket, request: string) => void) {
  const host = await ControlHost.create([
    "max_replies = 4M",
    "api_port = 0",
    "api_auth_default = allow",
  ]);
  await host.startAgent("web-01", { scripts: { say: "echo hello" } });
  const hostile = await host.addAgent("hostile");
  await hostile.pair();
  const fake = await FakeAgent.start(hostile, onRequest, "0.0.0.0");
  return { host, fake, at: (index: number) => `127.9.0.${index}:${hostile.port}` };
}

test("a fan-out keeps what fits; the others have an error that says what to do", async () => {
  const { host, fake, at } = await floodedHost((socket) => void socket.end(FLOOD));
  await using _ = host;
  using __ = fake;
  const hosts = [at(1), at(2), "web-01", at(3), at(4)];
  const { status, out } = await host.run("run", [...hosts, "say", "--json"]);
  expect(status).toBe(1);
  const { results } = JSON.parse(out) as Answer;
  expect(results).toHaveLength(hosts.length);
  expect(results[2]).toMatchObject({ host: "web-01", exit: 0, stdout: "hello\n" });
  const whole = results.filter(({ stdout }) => stdout.length === MUCH);
  const dropped = results.filter(({ error }) => error !== undefined);
  expect([whole.length, dropped.length]).toEqual([1, 3]);
  for (const { host: name, exit, stdout, state, error } of dropped) {
    expect([exit, stdout, state]).toEqual([-1, "", "ended"]);
    expect(DROPPED.exec(error ?? "")?.[1]).toBe(name);
  }
});

test("the requests of the API share one bound, and give back what they held", async () => {
  const open: TLSSocket[] = [];
  const { host, fake, at } = await floodedHost((socket, request) => {
    if (request.includes('"script":"wait"')) open.push(socket);
    else socket.end(FLOOD);
  });
  await using _ = host;
  using __ = fake;
  await using api = await TestApi.start(host);
  const flood = async (index: number) => {
    const { json } = await api.post("/run", { hosts: [at(index)], script: "say" });
    return (json as Answer).results[0];
  };
  // One after the other: each gives back what it held.
  for (let index = 1; index < 5; index++) {
    expect((await flood(index))?.stdout).toHaveLength(MUCH);
  }
  // A run of two hosts of which one has answered holds that answer.
  const order = { hosts: [at(5), at(6)], script: "wait", wait: false };
  const { reqid } = (await api.post("/run", order)).json as Answer;
  await until("both are asked", () => open.length === 2);
  open.shift()?.end(FLOOD);
  const answered = () => api.logged("run").filter(({ REQID }) => REQID === reqid);
  await until("one has answered", () => answered().length === 1);
  // What is shown of a record is read from its file: it is not held as well.
  await until("its result is recorded", async () => {
    const { status, json } = await api.get(`/status/${reqid}`);
    expect(status).toBe(200);
    return (json as Answer).results[0]?.stdout.length === MUCH;
  });
  expect((await flood(7))?.error).toMatch(DROPPED);
  const { json } = await api.post("/run", { hosts: ["web-01"], script: "say" });
  expect(json).toMatchObject({ results: [{ exit: 0, stdout: "hello\n" }] });
  open.shift()?.end(jsonAnswer({ exit: 0, stdout: "", stderr: "" }));
  await until("the run has ended", async () => {
    const { json: record } = await api.get(`/status/${reqid}`);
    return (record as { complete: boolean }).complete;
  });
  expect((await flood(8))?.stdout).toHaveLength(MUCH);
});
