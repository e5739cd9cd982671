/**
 * A third agent of the soak: somebody looks at a run and stops reading for a minute. Neither the script nor the agent
 * waits for that, no memory grows, and afterwards every byte and the exit status are there.
 */
import { cleanEnvironment, programPath } from "../support/binary.ts";
import type { ControlHost, TestAgent } from "../support/fleet.ts";
import { UnreadPipe } from "../support/unread.ts";
import { sample } from "./sample.ts";

const STOPPED_MS = 60_000;

const LINE = `${"x".repeat(63)}\n`;
const LINES = (48 * 2 ** 20) / LINE.length;

const SCRIPTS = { prints: `yes ${LINE.trim()} | head -n ${LINES}; exit 3` };

/** More than this is kept in memory for the reader. */
const MOST_MIB = 32;

export class StoppedReader implements AsyncDisposable {
  readonly #control: ControlHost;
  readonly #agent: TestAgent;

  private constructor(control: ControlHost, agent: TestAgent) {
    this.#control = control;
    this.#agent = agent;
  }

  static async start(control: ControlHost): Promise<StoppedReader> {
    const agent = await control.addAgent("web-03", {
      scripts: SCRIPTS,
      config: ["max_output = 64M"],
    });
    await agent.pair();
    await agent.serve();
    return new StoppedReader(control, agent);
  }

  /** What holds in the end, each with how it was. */
  async read(): Promise<readonly (readonly [boolean, string])[]> {
    using pipe = new UnreadPipe();
    using errors = new UnreadPipe();
    const serving = this.#agent.serving;
    const before = sample(serving.child.pid).memory;
    const args = this.#control.withSetting(["run", "web-03", "prints", "--live"]);
    const reader = Bun.spawn([programPath("ctrl-exec"), ...args], {
      stdin: "ignore",
      stdout: pipe.writeEnd,
      stderr: errors.writeEnd,
      env: cleanEnvironment(),
    });
    await serving.seen(/ACTION=run EXIT=3 .*SCRIPT=prints/);
    const first = sample(reader.pid).memory;
    await Bun.sleep(STOPPED_MS);
    const grown = sample(reader.pid).memory - first;
    const held = sample(serving.child.pid).memory - before;
    const out = await pipe.read();
    const status = await reader.exited;
    const size = LINES * LINE.length;
    const whole = out.slice(0, size) === LINE.repeat(LINES);
    const exit = /\bexit:(\d+)\b/.exec(out.slice(size))?.[1];
    return [
      [whole, `${whole ? "every" : "not every"} byte after a minute in which nobody read`],
      [exit === "3" && status === 1, `its exit status is ${exit}, and that of run ${status}`],
      [grown <= MOST_MIB, `run grew by ${grown} MiB in that minute`],
      [held <= MOST_MIB, `its agent grew by ${held} MiB`],
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.stop("SIGKILL");
  }
}
