import { afterAll, beforeAll, expect, test } from "bun:test";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { askAgent } from "../../../../src/controller/fleet/ask-agent.ts";
import type { Dialler } from "../../../../src/controller/fleet/dialler.ts";
import { AgentPool } from "../../../../src/controller/fleet/pool.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { messageOf } from "../../../../src/core/errors.ts";
import { ReplyBudget } from "../../../../src/core/reply-budget.ts";
import { Semaphore } from "../../../../src/core/semaphore.ts";
import { readSerialLine } from "../../../../src/core/serial.ts";
import { ReadPace } from "../../../../src/system/net/read-pace.ts";
import { Authority } from "../../../support/authority.ts";
import { TestFolder } from "../../../support/folder.ts";

const folder = new TestFolder();
let ca: Authority;
beforeAll(async () => {
  ca = await Authority.create();
});
afterAll(() => folder[Symbol.dispose]());

async function diallerWith(pool: AgentPool): Promise<Dialler> {
  return {
    config: (await parseControllerConfig("/unset", "")).config,
    credential: await ca.issue("ctrl-exec"),
    serial: readSerialLine("01") ?? "",
    revoked: new Set(),
    handshakes: new Semaphore(8),
    pace: new ReadPace(),
    budget: new ReplyBudget(2 ** 20),
    pool,
  };
}

const KEEPING_AGENT = join(import.meta.dir, "../../../support/keeping-agent.ts");

test("a run is not sent to an agent that hung up while this process was busy: it is dialled again", async () => {
  const ended = folder.join("ended");
  const child = Bun.spawn(
    ["sh", "-c", '"$0" "$1"; : > "$2"', process.execPath, KEEPING_AGENT, ended],
    {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const pool = new AgentPool(60_000);
  try {
    child.stdin.write(`${JSON.stringify(await ca.issue("web-01"))}\n`);
    const { value } = await child.stdout.getReader().read();
    const target = targetOf("127.0.0.1", undefined, Number(new TextDecoder().decode(value)));
    const dialler = await diallerWith(pool);
    const run = async () =>
      await askAgent(dialler, target, { method: "POST", path: "/run", reply: "output" });
    expect((await run()).json).toEqual({ ok: true });
    child.stdin.write("end\n");
    await child.stdin.flush();
    // Nothing of what the agent does reaches us while this waits.
    Bun.spawnSync(["sh", "-c", 'until [ -e "$0" ]; do sleep 0.01; done', ended]);
    const problem = await run().catch(messageOf);
    expect(problem).toContain("connection refused");
  } finally {
    pool.close();
    child.kill();
    await child.exited;
  }
});

test.each([
  ["that was not JSON", "<p>", /not JSON/],
  ["that was read", '{"ok":', undefined],
])("T69 of an answer %s nothing is held: the next has all the room", async (_, start, problem) => {
  const body = `${start}"${"x".repeat(60_000)}"}`;
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  const server = createServer(await ca.issue("web-01"), (socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(head + body));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const { pool: _pool, ...dialler } = await diallerWith(new AgentPool(0));
  // One such answer fits, and not two.
  const one = { ...dialler, budget: new ReplyBudget(200_000) };
  const target = targetOf("127.0.0.1", undefined, port);
  try {
    for (let asked = 0; asked < 6; asked += 1) {
      const answer = askAgent(one, target, { method: "GET", path: "/x", reply: "list" });
      if (problem === undefined) expect((await answer).json).toHaveProperty("ok");
      else await expect(answer).rejects.toThrow(problem);
    }
  } finally {
    server.close();
  }
});
