/** T43, T44: what a hub can do to a call that passes it. Everything here is real, with somebody at the hub. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { startHubPort } from "../../../src/api/hub-port.ts";
import type { Hub } from "../../../src/hub/hub.ts";
import { freePort } from "../../../src/system/net/free-port.ts";
import { until } from "../../support/folder.ts";
import { type LocalAgent, LocalFleet, ping } from "../../support/local-fleet.ts";
import { join, passOn, type SplicedCall, TamperingHub } from "../../support/tampering-hub.ts";

let fleet: LocalFleet;
let hub: Hub;
let tampering: TamperingHub;
let first: LocalAgent;
let second: LocalAgent;

beforeAll(async () => {
  const port = freePort();
  fleet = await LocalFleet.create([
    "hub = on",
    "hub_bind = 127.0.0.1",
    `hub_port = ${port}`,
    "read_timeout = 1",
    // The weakest there is: even so, who answers at a hub must be who was called.
    "verify_agent_identity = ca",
  ]);
  hub = await startHubPort(() => fleet.controller);
  tampering = await TamperingHub.before(port);
  const lines = ["listen = no", `connect = 127.0.0.1:${tampering.port}`];
  first = await fleet.addAgent("web-01", { lines });
  second = await fleet.addAgent("web-02", { lines });
  await until("both are connected", () => hub.agents === 2);
});
afterAll(async () => {
  tampering?.[Symbol.dispose]();
  hub?.close();
  await fleet[Symbol.asyncDispose]();
});
beforeEach(() => {
  tampering.tamper = passOn;
});

/** How often the first agent has run its script. */
const runs = (): number => {
  const file = first.path("runs");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
};
const failures = () => fleet.pingFailures(["web-01"]);
const sound = async () => {
  tampering.tamper = passOn;
  expect(await failures(), "what was tampered with has left nothing behind").toEqual([]);
};

/** Changes one bit of the byte at `offset` of what one side sends. */
function flipping(side: "agent" | "hub", offset: number): { readonly isDone: () => boolean } {
  let done = false;
  tampering.tamper = (call) => {
    let passed = 0;
    const other = side === "agent" ? call.hub : call.agent;
    call.hub.write(call.greeting);
    call[side].on("data", (chunk: Buffer) => {
      const at = offset - passed;
      passed += chunk.length;
      if (at >= 0 && at < chunk.length) {
        chunk[at] = (chunk[at] ?? 0) ^ 1;
        done = true;
      }
      other.write(chunk);
    });
    call[side].resume();
    other.pipe(call[side]);
    for (const [socket, end] of [
      [call.agent, call.hub],
      [call.hub, call.agent],
    ] as const) {
      socket.on("close", () => end.destroy());
    }
  };
  return { isDone: () => done };
}

describe("T43 a bit is changed", () => {
  // In the hellos, the certificates, the end of the handshake, the request and the answer.
  test.each([
    ["hub", 0],
    ["hub", 1],
    ["hub", 40],
    ["hub", 200],
    ["hub", 700],
    ["hub", 1100],
    ["hub", 1500],
    ["agent", 0],
    ["agent", 50],
    ["agent", 300],
    ["agent", 1000],
    ["agent", 1500],
  ] as const)(
    "from the %s, at byte %i: the call fails, and the next one is good",
    async (side, offset) => {
      const { isDone } = flipping(side, offset);
      const answered = (await failures()).length === 0;
      expect({ answered, isDone: isDone() }).toEqual({ answered: false, isDone: true });
      await sound();
    },
  );

  test("in the length of a record, which makes the other side wait: no longer than its clock", async () => {
    const { isDone } = flipping("hub", 3);
    const began = performance.now();
    expect(await failures()).toHaveLength(1);
    expect(isDone()).toBe(true);
    expect(performance.now() - began).toBeLessThan(5_000);
    await sound();
  });
});

test("T43 two calls are swapped: neither answer counts", async () => {
  const waiting: SplicedCall[] = [];
  tampering.tamper = (call) => {
    waiting.push(call);
    const [a, b] = waiting;
    if (a === undefined || b === undefined) return;
    a.hub.write(a.greeting);
    b.hub.write(b.greeting);
    join(a.agent, b.hub);
    join(b.agent, a.hub);
  };
  const told = await fleet.pingFailures(["web-01", "web-02"]);
  expect(told.sort()).toEqual([
    "web-01: web-01 answered with the certificate of web-02: refused",
    "web-02: web-02 answered with the certificate of web-01: refused",
  ]);
  await sound();
});

test("T43 what was said is said again to the agent: it runs nothing", async () => {
  const said: Buffer[] = [];
  tampering.tamper = (call) => {
    call.hub.on("data", (chunk: Buffer) => said.push(Buffer.from(chunk)));
    passOn(call);
  };
  const before = runs();
  expect(await fleet.runFailures(["web-01"])).toEqual([]);
  expect(runs()).toBe(before + 1);
  let refused = false;
  tampering.tamper = ({ agent, hub: far }) => {
    agent.on("close", () => {
      refused = true;
      far.destroy();
    });
    agent.write(Buffer.concat(said));
    agent.resume();
  };
  expect(await failures()).toHaveLength(1);
  await until("the agent has hung up", () => refused);
  expect(runs()).toBe(before + 1);
  await sound();
});

test("T43 a call is cut, at any moment: it fails at once", async () => {
  for (const bytes of [1, 600, 1500]) {
    tampering.tamper = (call) => {
      let left = bytes;
      call.agent.on("data", (chunk: Buffer) => {
        left -= chunk.length;
        if (left < 0) call.hub.resetAndDestroy();
      });
      passOn(call);
    };
    const began = performance.now();
    expect(await failures()).toHaveLength(1);
    expect(performance.now() - began).toBeLessThan(900);
  }
  await sound();
});

test("T43 an answer is held back: it is waited for as long as read_timeout says", async () => {
  tampering.tamper = (call) => {
    let passed = 0;
    call.hub.write(call.greeting);
    call.hub.pipe(call.agent);
    call.agent.on("data", (chunk: Buffer) => {
      passed += chunk.length;
      // The handshake passes, the answer does not.
      if (passed < 1_300) call.hub.write(chunk);
    });
    call.agent.resume();
    call.hub.on("close", () => call.agent.destroy());
  };
  const began = performance.now();
  expect(await failures()).toEqual(["web-01: read timeout after 1s"]);
  expect(performance.now() - began).toBeLessThan(3_000);
  await sound();
});

test("T43 what fails in a handshake is logged and counted, as it is without a hub", () => {
  const told = first.log.of("tls-failure").map(({ fields }) => fields.VIA);
  expect(told.length).toBeGreaterThan(0);
  expect(new Set(told)).toEqual(new Set([`127.0.0.1:${tampering.port}`]));
});

test("T43 the hub claims that the caller is somebody else: it is marked as the hub's word", async () => {
  await sound();
  const [line] = first.log.of("ping").slice(-1);
  expect(line?.fields).toMatchObject({ PEER: "127.0.0.1", VIA: `127.0.0.1:${tampering.port}` });
});

/** Whether the hub takes it, and joins it with anything. */
async function opens(ticket: string): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port: hub.port }).on("error", () => undefined);
  let answered = false;
  socket.on("data", () => {
    answered = true;
  });
  const closed = Promise.withResolvers<void>();
  socket.on("close", () => closed.resolve());
  socket.write(`ctrl-exec-hub/1 ticket ${ticket}\n`);
  await closed.promise;
  return answered;
}

describe("T44 a ticket opens nothing", () => {
  test("if it is guessed, while others are out", async () => {
    let held: SplicedCall | undefined;
    tampering.tamper = (call) => {
      held = call;
    };
    const waiting = failures();
    await until("the agent is called", () => held !== undefined);
    const near = held?.ticket.replace(/.$/, (last) => (last === "0" ? "1" : "0")) ?? "";
    expect(await opens(near)).toBe(false);
    expect(await opens("0".repeat(32))).toBe(false);
    if (held !== undefined) passOn(held);
    expect(await waiting).toEqual([]);
  });

  test("if it was used", async () => {
    let ticket = "";
    tampering.tamper = (call) => {
      ticket = call.ticket;
      passOn(call);
    };
    expect(await failures()).toEqual([]);
    expect(ticket).toMatch(/^[0-9a-f]{32}$/);
    expect(await opens(ticket)).toBe(false);
  });

  test("if it is late: its caller has left", async () => {
    let held: SplicedCall | undefined;
    tampering.tamper = (call) => {
      held = call;
    };
    expect(await failures()).toHaveLength(1);
    expect(await opens(held?.ticket ?? "")).toBe(false);
    held?.agent.destroy();
    await sound();
  });

  test("if it is another agent's: whoever comes with it is not the host that was called", async () => {
    let fromSecond: SplicedCall | undefined;
    let fromFirst: SplicedCall | undefined;
    tampering.tamper = (call) => {
      // The second one is called later: it takes the ticket of the first.
      if (fromFirst === undefined) {
        fromFirst = call;
        return;
      }
      fromSecond = call;
      call.hub.destroy();
      fromFirst.hub.write(fromFirst.greeting);
      join(call.agent, fromFirst.hub);
    };
    const asked = failures();
    await until("the first one is called", () => fromFirst !== undefined);
    await ping(fleet.controller, ["web-02"]);
    expect(fromSecond).toBeDefined();
    expect(await asked).toEqual([
      "web-01: web-01 answered with the certificate of web-02: refused",
    ]);
    fromFirst?.agent.destroy();
    expect(second.isUp).toBe(true);
    await sound();
  });
});
