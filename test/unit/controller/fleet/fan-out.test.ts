/** What asking a host comes to, and many of them at once. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { AgentRequest } from "../../../../src/controller/fleet/agent-request.ts";
import {
  askFleet,
  askHost,
  type FleetDialler,
  type HostOutcome,
  parallelLimit,
} from "../../../../src/controller/fleet/fan-out.ts";
import { shownCertificate } from "../../../../src/controller/fleet/shown-certificate.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { workDescriptors } from "../../../../src/system/process/descriptors.ts";
import { Authority, type HostCredential } from "../../../support/authority.ts";
import { until } from "../../../support/folder.ts";
import { diallerOf, hangUp, last, PlayedAgent } from "../../../support/played-agent.ts";

let ca: Authority;
let credential: HostCredential;
let web: HostCredential;
beforeAll(async () => {
  ca = await Authority.create();
  [credential, web] = await Promise.all([ca.issue("ctrl-exec"), ca.issue("web-01")]);
});

let agent: PlayedAgent;
let dialler: FleetDialler;
beforeEach(async () => {
  agent = await PlayedAgent.start(web);
  dialler = await diallerOf(credential);
});
afterEach(() => agent[Symbol.dispose]());

const RUN: AgentRequest = { method: "POST", path: "/run", reply: "output" };

/** @param knows the serial by which its record says that it knows this host */
function registered(knows = "", hostname = "web-01") {
  const record = { hostname, ip: "127.0.0.1", lookup_by: "ip", dispatcher_serial: knows };
  return targetOf(hostname, { kind: "agent", record: record as AgentRecord }, agent.port);
}
const address = () => targetOf("127.0.0.1", undefined, agent.port);

const refuses = (error: string, status = "403 Forbidden") => last({ error }, status);

describe("the serials by which agents may know this host", () => {
  const withThree = (): FleetDialler => {
    const [one, two, three] = ["01", "02", "03"].map((serial) => ({ serial, credential }));
    return { ...dialler, credentials: [one!, two!, three!] };
  };

  test("the one that its record names is tried first, then the others in their order", async () => {
    for (const [knows, order] of [
      ["02", ["02", "01", "03"]],
      ["2", ["02", "01", "03"]],
      ["09", ["01", "02", "03"]],
    ] as const) {
      for (const [refused, serial] of order.entries()) {
        agent.answers = [...Array.from({ length: refused }, () => refuses("serial mismatch"))];
        agent.answers.push(last({ exit: 0 }));
        const outcome = await askHost(withThree(), registered(knows), RUN);
        expect(outcome).toMatchObject({ acceptedSerial: serial, refusedSerial: false });
        expect(outcome.reply?.json).toEqual({ exit: 0 });
      }
    }
  });

  test.each([
    ["serial mismatch", "403 Forbidden", 3, true],
    ["forbidden", "403 Forbidden", 3, true],
    // It refuses the certificate itself, and may know the serial.
    ["certificate revoked", "403 Forbidden", 3, false],
    // Something else was refused, under a serial that it takes.
    ["denied", "403 Forbidden", 1, undefined],
    ["serial mismatch", "400 Bad Request", 1, undefined],
  ] as const)("%s, with status %s: asked %d times", async (error, status, times, refusedSerial) => {
    const turnedAway: string[] = [];
    const sending = {
      mayBeSent: () => true,
      turnedAway: () => void turnedAway.push("turned away"),
      ended: () => undefined,
    };
    agent.answers = Array.from({ length: 3 }, () => refuses(error, status));
    const outcome = await askHost({ ...withThree(), sending }, address(), RUN);
    expect(agent.asked).toHaveLength(times);
    expect(outcome.reply?.json).toEqual({ error });
    expect(outcome.refusedSerial).toBe(refusedSerial ?? false);
    expect(outcome.acceptedSerial).toBe(refusedSerial === undefined ? "01" : undefined);
    expect(turnedAway).toHaveLength(refusedSerial === undefined ? 0 : 3);
  });

  test("of several refusals the first counts", async () => {
    agent.answers = [refuses("certificate revoked"), refuses("serial mismatch")];
    agent.answers.push(refuses("serial mismatch"));
    const outcome = await askHost(withThree(), address(), RUN);
    expect(outcome).toMatchObject({ refusedSerial: false });
    expect(outcome.reply?.json).toEqual({ error: "certificate revoked" });
  });
});

describe("what asking one host comes to", () => {
  test("an answer, with the address that was called and the time it took", async () => {
    agent.answers = [(socket) => void setTimeout(() => last({ exit: 0 })(socket), 30)];
    const before = performance.now();
    const outcome = await askHost(dialler, address(), RUN);
    expect(outcome).toMatchObject({
      error: undefined,
      dropped: false,
      peer: "127.0.0.1",
      clockOffset: undefined,
    });
    expect(outcome.garbled).toBeUndefined();
    expect(outcome.rtt).toBeGreaterThanOrEqual(29);
    expect(outcome.rtt).toBeLessThanOrEqual(performance.now() - before + 1);
  });

  test.each([0, 3600, -3600])("a clock that is %d s ahead of this one's", async (seconds) => {
    const now = new Date("2026-06-01T12:00:00Z");
    const date = new Date(now.getTime() + seconds * 1000).toUTCString();
    const head = `HTTP/1.1 200 OK\r\nDate: ${date}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`;
    agent.answers = [(socket) => void socket.end(head)];
    const { clockOffset } = await askHost({ ...dialler, now: () => now }, address(), RUN);
    expect(Math.abs((clockOffset ?? Number.NaN) - seconds)).toBeLessThanOrEqual(1);
  });

  test("what would come again is told apart from what may be another answer in a moment", async () => {
    const small = { ...dialler, config: { ...dialler.config, max_reply: 1000 } };
    const outcomes: HostOutcome[] = [];
    for (const answer of [last({ stdout: "x".repeat(9000) }), last("<p>"), hangUp]) {
      agent.answers = [answer];
      outcomes.push(await askHost(small, address(), RUN));
    }
    expect(outcomes.map(({ reply }) => reply)).toEqual([undefined, undefined, undefined]);
    expect(outcomes.map(({ dropped, garbled }) => [dropped, garbled])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
    for (const { error } of outcomes) expect(error).toMatch(/./);
    expect(outcomes[2]?.error).toContain("closed the connection");
  });

  test("T67 a host that may not be called is not", async () => {
    const config = { ...dialler.config, verify_agent_identity: "strict" } as const;
    const strict = await askHost({ ...dialler, config }, address(), RUN);
    expect([strict.error, strict.peer]).toEqual([
      "Cannot call 127.0.0.1: it is not registered, and verify_agent_identity = strict. See: ctrl-exec list-agents --config /unset",
      undefined,
    ]);
    const problem = new CtrlExecError("config", "its record is cut");
    const broken = { ...registered(), problem };
    expect((await askHost(dialler, broken, RUN)).error).toBe("its record is cut");
    expect(agent.connections).toBe(0);
  });
});

describe("many hosts", () => {
  const results = async (from: FleetDialler, ports: readonly number[]) => {
    const targets = ports.map((port) => targetOf("127.0.0.1", undefined, port));
    const seen: (readonly [number, boolean])[] = [];
    await askFleet(from, targets, RUN, ({ target, reply }) => {
      seen.push([target.port, reply !== undefined]);
    });
    return seen.toSorted(([a], [b]) => a - b);
  };

  test("T23 each has its own result, once, whatever becomes of the others", async () => {
    agent.answers = [last({ exit: 0 })];
    using other = await PlayedAgent.start(web);
    other.answers = [hangUp];
    const ports = [agent.port, other.port, freePort()];
    const expected = ports.map((port) => [port, port === agent.port] as const);
    expect(await results(dialler, ports)).toEqual(expected.toSorted(([a], [b]) => a - b));
  });

  test("T29 what they answer counts until all have answered, or as long as whoever asks says", async () => {
    const answer = () => last({ stdout: "x".repeat(60_000) });
    const budget = new ReplyBudget(400_000);
    const fits = () => {
      const reply = budget.open().openReply();
      const held = reply.hold(16_384 + 290_000);
      reply.giveBack();
      return held;
    };
    agent.answers = [answer(), answer()];
    const held: boolean[] = [];
    await askFleet({ ...dialler, budget }, [address()], RUN, () => void held.push(fits()));
    expect([held, fits()]).toEqual([[false], true]);
    const account = budget.open();
    await askFleet({ ...dialler, budget, account }, [address()], RUN, () => undefined);
    expect(fits()).toBe(false);
    account.close();
    expect(fits()).toBe(true);
  });

  test("T65 as many are asked at once as there are descriptors for, and at least one", () => {
    const { config } = dialler;
    const descriptors = workDescriptors();
    const limit = (max_parallel: number, each?: number) =>
      parallelLimit({ ...config, max_parallel }, each);
    expect(limit(7)).toBe(7);
    const all = descriptors.free;
    expect(limit(all + 5)).toBe(all);
    descriptors.take(all - 10);
    expect([limit(100), limit(100, 3), limit(2, 3)]).toEqual([10, 3, 2]);
    descriptors.take(8);
    expect([limit(100), limit(100, 3)]).toEqual([2, 1]);
    descriptors.giveBack(all - 2);
  });
});

describe("the certificate that a registered host shows", () => {
  test("is told, and the connection is not kept", async () => {
    const closed: string[] = [];
    agent.onConnection = (socket) => socket.on("close", () => closed.push("closed"));
    const { serial } = await shownCertificate(dialler, registered());
    expect(serial).toBe(web.serial);
    await until("the connection is closed", () => closed.length === 1);
    expect(agent.asked).toEqual([]);
  });

  test("must be its own, and not revoked", async () => {
    await expect(shownCertificate(dialler, registered("", "db-01"))).rejects.toMatchObject({
      code: "untrusted",
      message: "db-01 answered with the certificate of web-01: refused",
    });
    const wary = { ...dialler, revoked: new Set([web.serial]) };
    await expect(shownCertificate(wary, registered())).rejects.toThrow("the revoked certificate");
  });

  test("of a host that is away is not known, and why is said", async () => {
    const away = { ...registered(), port: freePort() };
    await expect(shownCertificate(dialler, away)).rejects.toThrow(
      `connection refused by 127.0.0.1:${away.port}: no agent is listening there`,
    );
  });
});
