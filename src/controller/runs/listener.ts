/** What is told about a run while it is under way, and to whom. */
import type { RunEvent } from "../../core/run-event.ts";
import type { Contact } from "../fleet/contact-watch.ts";

/**
 * Called for each host in the order of its events. The host's connection is read further only after the promise has
 * resolved, so a slow reader slows the host down and costs no memory. A host whose agent is older than 1.1 gives no
 * events, only its result.
 *
 * @param host as in the run's results
 */
export type RunSink = (host: string, event: RunEvent) => Promise<void> | void;

/** What the watcher of a run is told about it. */
export interface RunWatcher {
  /** Undefined if only results are wanted: then `read_timeout` limits the script, not the silence of its agent. */
  readonly onEvent: RunSink | undefined;
  readonly onContact?: ContactSink | undefined;
}

/** Called when the contact to a host of a watched run is lost, and when it is restored. */
export type ContactSink = (host: string, contact: Contact) => void;
