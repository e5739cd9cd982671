/** Agents that answer with far more than they should, and what that does to the API. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestApi } from "./api.ts";
import type { TestAgent } from "./fleet.ts";

/** A body: the beginning, a piece so many times, the end. */
export interface Flood {
  readonly start: string;
  readonly piece: string;
  readonly count: number;
  readonly end: string;
}

/** The answer to a run whose stdout is the piece, so many times. */
export function outputOf(piece: string, count: number): Flood {
  return { start: '{"exit":0,"stdout":"', piece, count, end: '","stderr":""}' };
}

/** In the place of a paired agent, on every address of 127.0.0.0/8. */
export async function startHostile(
  agent: TestAgent,
  { start, piece, count, end }: Flood,
): Promise<AsyncDisposable> {
  const program = join(import.meta.dir, "hostile-agent-program.ts");
  const place = [agent.path(""), String(agent.port), "0.0.0.0"];
  const child = Bun.spawn([process.execPath, program, ...place, start, piece, String(count), end], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  await child.stdout.getReader().read();
  return {
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

/** Looks at the API while it works: how long `GET /health` takes, and the most memory it had. */
export class Watch {
  /** Milliseconds that each `GET /health` took. */
  readonly health: number[] = [];
  readonly #api: TestApi;
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(api: TestApi) {
    this.#api = api;
    this.#done = this.#ask();
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      const asked = performance.now();
      const { status } = await this.#api.get("/health");
      if (status !== 200) throw new Error(`GET /health: ${status}`);
      this.health.push(performance.now() - asked);
      await Bun.sleep(5);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  get slowest(): number {
    return Math.max(...this.health);
  }

  /** MiB, since the process began. */
  get peak(): number {
    const status = readFileSync(`/proc/${this.#api.running.child.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }
}

/** How much came of an answer that is not kept. */
export async function countAnswer(
  api: TestApi,
  path: string,
  body?: unknown,
): Promise<{ status: number; bytes: number; ms: number; start: string }> {
  const asked = performance.now();
  const response = await fetch(
    api.url(path),
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        },
  );
  let bytes = 0;
  let start = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (start.length < 4096) start += decoder.decode(chunk.subarray(0, 4096));
  }
  return { status: response.status, bytes, ms: performance.now() - asked, start };
}
