/** The starts of jobs: what is sent to the shim, and what it answers. */
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { within } from "../../system/deadline.ts";
import type { NotStarted } from "../../system/process/start-program.ts";
import { startAllowedScript } from "../scripts/run-script.ts";
import { scriptContext } from "../scripts/script-context.ts";
import type { RunOrder } from "./job.ts";
import { limitsOf } from "./limits.ts";
import type { OpenJob } from "./open-job.ts";
import type { ShimLink } from "./shim-link.ts";

/** It was started, or the shim ended before it reported so. */
interface Begun {
  readonly kind: "started";
}

/** Once it is running, a shim starts a script within milliseconds. */
const DONE_MS = 15_000;

export class Starts {
  /** By the names of the jobs. */
  readonly #starting = new Map<string, Promise<void>>();
  /** Those that wait for a report from the shim, by the names of the jobs. */
  readonly #waiting = new Map<string, (outcome: Begun | NotStarted) => void>();

  /**
   * Resolves once its script has been started, or could not be. @param room how many bytes this shim's jobs may hold
   * together
   */
  async launch(
    { folder, name }: OpenJob,
    order: RunOrder,
    shim: ShimLink,
    config: AgentConfig,
    { asked, room }: { readonly asked: Date; readonly room: number },
  ): Promise<Begun | NotStarted> {
    const { script, judged, args } = order;
    return await startAllowedScript(script, judged, args, config, async (program) => {
      const { promise, resolve } = Promise.withResolvers<Begun | NotStarted>();
      this.#waiting.set(name, resolve);
      shim.send({
        ...program,
        ...limitsOf(order, config),
        job: name,
        folder: folder.path,
        input: scriptContext(order, asked),
        secret: order.token,
        stdinTimeout: config.stdin_timeout,
        room,
      });
      return await promise;
    });
  }

  /** Returns a function to be called once it is known what became of this job's start. */
  begin(name: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#starting.set(name, promise);
    return () => {
      this.#starting.delete(name);
      resolve();
    };
  }

  /** Waits until then. Returns whether it takes too long. */
  async isStuck(name: string): Promise<boolean> {
    const done = this.#starting.get(name)?.then(() => false);
    return done !== undefined && (await within(DONE_MS, done, () => true));
  }

  /** @param name of the job */
  answer(name: string, outcome: Begun | NotStarted): void {
    this.#waiting.get(name)?.(outcome);
    this.#waiting.delete(name);
  }
}
