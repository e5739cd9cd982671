/** Who hears of a run while it is under way. */
import type { RunEvent } from "../../core/run-event.ts";
import type { Contact } from "../fleet/contact-watch.ts";

/**
 * Called for each host in the order of its events. The host's connection is read on only after the promise has
 * resolved, so that a slow reader slows the host down and costs no memory. A host whose agent is older than 1.1
 * gives no events, only its result.
 *
 * @param host as in the run's results
 */
export type RunSink = (host: string, event: RunEvent) => Promise<void> | void;

/** What whoever watches a run is told of it. */
export interface RunWatcher {
  /** Undefined if only results are wanted: then `read_timeout` bounds the script, not the silence of its agent. */
  readonly onEvent: RunSink | undefined;
  readonly onContact?: ContactSink | undefined;
}

/** Called when a host of a run that is watched is not heard any more, and when it is heard again. */
export type ContactSink = (host: string, contact: Contact) => void;
