/** The agents of a run, which are asked what its script has printed. */
import type { RunEvent } from "../../core/run-event.ts";
import { hostOfRun } from "../access/authorized-targets.ts";
import { type Controller, openDialler } from "../control-host.ts";
import type { ContactWatch } from "../fleet/contact-watch.ts";
import type { FleetDialler } from "../fleet/fan-out.ts";
import { followOn } from "../fleet/follow-run.ts";
import type { OpenHost } from "../store/ports/runs.ts";
import { CatchingUp } from "./catching-up.ts";
import type { RunSink } from "./listener.ts";
import type { Reading } from "./log-reading.ts";

export class AgentsOfRun {
  readonly #controller: Controller;
  readonly #reqid: string;
  readonly #onEnd: () => void;
  #dialler: FleetDialler | undefined;

  /** @param onEnd called when an agent says how the run ended there */
  constructor(controller: Controller, reqid: string, onEnd: () => void) {
    this.#controller = controller;
    this.#reqid = reqid;
    this.#onEnd = onEnd;
  }

  /** @throws CtrlExecError if this host cannot ask any of them */
  async open(): Promise<FleetDialler> {
    this.#dialler ??= await openDialler(this.#controller);
    return this.#dialler;
  }

  /** Until the host has its end, or, if it is not followed, until what there is now has come. @throws as open() */
  async ask(
    { host, port }: OpenHost,
    { from, follow, signal }: Pick<Reading, "from" | "follow" | "signal">,
    onEvent: RunSink,
    contact?: ContactWatch,
  ) {
    const dialler = await this.open();
    const enough = new AbortController();
    const catchingUp = follow ? undefined : new CatchingUp(() => enough.abort());
    const following = {
      reqid: this.#reqid,
      ...(from === undefined ? {} : { from }),
      signal: follow ? signal : AbortSignal.any([signal, enough.signal]),
      contact,
      onEvent: async (event: RunEvent) => {
        if (event.kind === "end") this.#onEnd();
        catchingUp?.heard(event.kind === "output" ? event.bytes.length : 0);
        await onEvent(host, event);
        catchingUp?.waiting();
      },
    };
    const target = await hostOfRun(this.#controller, host, port);
    const followed = await followOn(dialler, target, following);
    catchingUp?.stop();
    return enough.signal.aborted ? ({ kind: "ended" } as const) : followed;
  }
}
