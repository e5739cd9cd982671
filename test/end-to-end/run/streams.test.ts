/** Runs as streams, over the wire to a compiled agent: what breaks on the way costs no byte and runs nothing twice. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { authorizedTargets } from "../../../src/controller/access/authorized-targets.ts";
import { openDialler } from "../../../src/controller/control-host.ts";
import { type FollowedRun, followOn, followRun } from "../../../src/controller/fleet/follow-run.ts";
import { readTargets } from "../../../src/controller/fleet/targets.ts";
import { newRequestId } from "../../../src/core/request-id.ts";
import type { RunEvent } from "../../../src/core/run-event.ts";
import { Authority } from "../../support/authority.ts";
import { BreakingNetwork } from "../../support/breaking-network.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { CALLER } from "../../support/local-fleet.ts";
import {
  ask,
  controllerIdentity,
  jsonOf,
  openTls,
  post,
  statusOf,
} from "../../support/raw-agent.ts";

const LINES = 4_000_000;

const SCRIPTS = {
  say: 'printf "one\\n"; printf "two\\n" >&2; exit 3',
  // 40 MB, in lines of ten bytes.
  much: `seq -f %09.0f 1 ${LINES}`,
  // A line every 10 ms.
  lines: 'n=0; while [ $n -lt 300 ]; do n=$((n+1)); echo "line $n"; sleep 0.01; done; exit 7',
  // Says that it runs, and ends when it is told to.
  wait: 'echo begun; touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.02; done; echo done',
};

let control: ControlHost;
let agent: TestAgent;
beforeAll(async () => {
  control = await ControlHost.create();
  agent = await control.startAgent("web-01", {
    config: ["max_output = 128M"],
    scripts: SCRIPTS,
    logsToSocket: true,
  });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** What was heard of a run. */
class Heard {
  readonly kinds: string[] = [];
  readonly #hash = createHash("sha256");
  text = "";
  bytes = 0;

  readonly onEvent = (event: RunEvent) => {
    if (event.kind !== "output") this.kinds.push(event.kind);
    else if (event.stream === "stdout") {
      this.bytes += event.bytes.length;
      this.#hash.update(event.bytes);
      if (this.text.length < 100_000) this.text += Buffer.from(event.bytes).toString();
    }
  };

  hash(): string {
    return this.#hash.digest("hex");
  }
}

async function wireTo(port: number) {
  const controller = await control.controller();
  const action = { action: "run", script: "", args: [] } as const;
  const asked = readTargets([`web-01:${port}`], undefined, 1);
  const [target] = await authorizedTargets(controller, CALLER, action, asked);
  if (target === undefined) throw new Error("web-01 is not registered");
  return { dialler: await openDialler(controller), target };
}

interface Wishes {
  readonly args?: readonly string[];
  readonly port?: number;
  readonly onEvent?: (event: RunEvent) => Promise<void> | void;
}

async function run(script: string, { args = [], port = agent.port, onEvent }: Wishes = {}) {
  const heard = new Heard();
  const reqid = newRequestId();
  const { dialler, target } = await wireTo(port);
  const body = { script, args, reqid, username: "ann", token: "" };
  const hear = async (event: RunEvent) => {
    heard.onEvent(event);
    await onEvent?.(event);
  };
  const followed = followRun(dialler, target, body, { reqid, onEvent: hear });
  return { reqid, heard, followed };
}

function endOf(followed: FollowedRun) {
  if (followed.kind !== "ended")
    throw new Error(`it is ${followed.kind}: ${followed.outcome.error}`);
  return followed.end;
}

const startsOf = (id: string) =>
  control.log.of("run-start").filter(({ fields }) => fields.REQID === id).length;

test("a run is heard from its begin to its end", async () => {
  const { heard, followed, reqid } = await run("say");
  const end = endOf(await followed);
  expect(end).toMatchObject({ state: "ended", exit: 3, stdout_bytes: 4, stderr_bytes: 4 });
  expect(heard.kinds).toEqual(["begin", "end"]);
  expect(heard.text).toBe("one\n");
  expect(startsOf(reqid)).toBe(1);
});

test("what the agent refuses is refused as ever", async () => {
  const { heard, followed } = await run("nothing");
  expect(await followed).toMatchObject({
    kind: "answered",
    outcome: { reply: { json: { exit: -1, error: "script not permitted", state: "never-ran" } } },
  });
  expect(heard.kinds).toEqual([]);
});

test("a reqid that nobody could ask for, or that was used before, starts nothing", async () => {
  const { followed, reqid } = await run("say");
  await followed;
  for (const [id, error] of [
    [reqid, "reqid already used"],
    ["a1", "reqid is not 16 hex digits"],
  ]) {
    const body = { script: "say", args: [], reqid: id, username: "", token: "", stream: 1 };
    const answer = await ask(agent.port, controllerIdentity(control), post("/run", body));
    expect(jsonOf(answer)).toMatchObject({ exit: -1, error, state: "never-ran" });
  }
  expect(startsOf(reqid)).toBe(1);
});

describe("no byte is lost, and the script runs once", () => {
  test("a network that breaks after every 30 MB", async () => {
    using network = await BreakingNetwork.to(agent.port);
    network.breaksAfter = 30_000_000;
    const { heard, followed, reqid } = await run("much", { port: network.port });
    expect(endOf(await followed)).toMatchObject({ exit: 0, stdout_bytes: 10 * LINES });
    const { stdout } = Bun.spawn(["seq", "-f", "%09.0f", "1", String(LINES)]);
    const printed = createHash("sha256").update(await new Response(stdout).bytes());
    expect(heard.hash()).toBe(printed.digest("hex"));
    expect(network.connections).toBe(2);
    expect(startsOf(reqid)).toBe(1);
    expect(heard.kinds.filter((kind) => kind !== "alive")).toEqual(["begin", "end"]);
  });

  test.each(["SIGKILL", "SIGTERM"] as const)(
    "an agent that gets %s and starts again in the middle",
    async (signal) => {
      const reached = Promise.withResolvers<void>();
      const heardSoFar = { lines: 0 };
      const { heard, followed, reqid } = await run("lines", {
        onEvent: ({ kind }) => {
          if (kind === "output") heardSoFar.lines += 1;
          if (heardSoFar.lines === 20) reached.resolve();
        },
      });
      await reached.promise;
      await agent.stop(signal);
      await agent.serve();
      expect(endOf(await followed)).toMatchObject({ state: "ended", exit: 7 });
      const lines = Array.from({ length: 300 }, (_, index) => `line ${index + 1}\n`);
      expect(heard.text).toBe(lines.join(""));
      expect(startsOf(reqid)).toBe(1);
    },
  );

  test("a run that is followed again later, from a byte in the middle", async () => {
    const { followed, reqid } = await run("lines");
    endOf(await followed);
    const { dialler, target } = await wireTo(agent.port);
    const heard = new Heard();
    const from = { stdout: 7, stderr: 0 };
    endOf(await followOn(dialler, target, { reqid, from, onEvent: heard.onEvent }));
    expect(heard.text).toStartWith("line 2\nline 3\n");
    expect(heard.kinds).toEqual(["begin", "end"]);
  });
});

describe("T72 a reader that stops", () => {
  test("holds up neither the script nor the agent, and reads the rest when it goes on", async () => {
    const mayGoOn = Promise.withResolvers<void>();
    const { heard, followed, reqid } = await run("much", {
      onEvent: async ({ kind }) => {
        if (kind === "output") await mayGoOn.promise;
      },
    });
    await control.log.seen("run", ({ REQID, EXIT }) => REQID === reqid && EXIT === "0");
    expect(heard.bytes).toBeLessThan(1_000_000);
    const other = await run("say");
    endOf(await other.followed);
    mayGoOn.resolve();
    expect(endOf(await followed)).toMatchObject({ stdout_bytes: 10 * LINES });
    expect(heard.bytes).toBe(10 * LINES);
  });

  test("and is still there when the agent is told to end: the agent ends", async () => {
    const mark = agent.path("held");
    const never = Promise.withResolvers<void>();
    const { followed } = await run("wait", {
      args: [mark],
      onEvent: async ({ kind }) => {
        if (kind === "output") await never.promise;
      },
    });
    await until("it runs", () => existsSync(`${mark}.here`));
    expect(await agent.stop("SIGTERM")).toBe(0);
    await agent.serve();
    control.folder.write("web-01/held.go", "");
    never.resolve();
    endOf(await followed);
  });
});

describe("T73 what may be followed", () => {
  const identity = () => controllerIdentity(control);

  test.each([
    ["a run that it does not know", { reqid: "f".repeat(16), stdout: 0, stderr: 0 }, 404],
    ["no run", {}, 400],
    ["a reqid that is not valid", { reqid: "../jobs", stdout: 0, stderr: 0 }, 400],
    ["an offset that is not valid", { reqid: "f".repeat(16), stdout: -1, stderr: 0 }, 400],
    ["an offset that is not a number", { reqid: "f".repeat(16), stdout: "0", stderr: 0 }, 400],
  ])("%s: refused", async (_, body, status) => {
    expect(statusOf(await ask(agent.port, identity(), post("/follow", body)))).toBe(status);
  });

  test("nothing, by anybody but the control host", async () => {
    const { followed, reqid } = await run("say");
    await followed;
    const stranger = await Authority.of(control).issue("ctrl-exec");
    const body = { reqid, stdout: 0, stderr: 0 };
    const answer = await ask(agent.port, stranger, post("/follow", body));
    expect(statusOf(answer)).toBe(403);
    expect(jsonOf(answer)).toEqual({ error: "serial mismatch", status: "forbidden" });
  });
});

describe("a control host of 0.8 or 1.0, which asks for no stream", () => {
  test.each([
    ["without the member", {}],
    ["with a member that asks for something else", { stream: 2 }],
  ])("%s: the answer has a length, and no chunks", async (_, more) => {
    const body = {
      script: "say",
      args: [],
      reqid: newRequestId(),
      username: "",
      token: "",
      ...more,
    };
    const answer = await ask(agent.port, controllerIdentity(control), post("/run", body));
    const { reqid } = body;
    const answered = { script: "say", exit: 3, stdout: "one\n", stderr: "two\n", reqid };
    expect(JSON.stringify(jsonOf(answer))).toBe(JSON.stringify(answered));
    if (!("head" in answer)) throw new Error("no answer");
    expect(answer.head).toMatch(/^content-length: \d+$/im);
    expect(answer.head).not.toMatch(/transfer-encoding/i);
  });

  test("nobody is left waiting when a peer asks for a stream and leaves", async () => {
    const mark = agent.path("left");
    const reqid = newRequestId();
    const body = { script: "wait", args: [mark], reqid, username: "", token: "", stream: 1 };
    const socket = openTls(agent.port, controllerIdentity(control));
    socket.on("error", () => undefined);
    socket.write(post("/run", body));
    await until("it runs", () => existsSync(`${mark}.here`));
    socket.destroy();
    control.folder.write("web-01/left.go", "");
    await control.log.seen("run", ({ REQID, EXIT }) => REQID === reqid && EXIT === "0");
  });
});
