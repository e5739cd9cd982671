/**
 * Reports about the queue while another program, ctrl-exec-api, holds the pairing port. It polls, as answers.ts does:
 * the queue is all that the two programs share.
 */
import { CtrlExecError } from "../../core/errors.ts";
import type { HostContext } from "../store/host.ts";
import type { PendingRequest } from "../store/ports/pairing.ts";
import { listRequests } from "./queue.ts";
import type { PairingEvents } from "./server.ts";

const LOOK_MS = 200;

export interface QueueWatch {
  /** Resolves when nobody holds the port any more. */
  readonly over: Promise<void>;
  close(): void;
}

export function watchQueue(controller: HostContext, events: PairingEvents): QueueWatch {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let waiting: ReadonlyMap<string, PendingRequest> = new Map();
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    try {
      const held = await controller.store.pairing.deskKeeper();
      if (held === undefined) {
        clearInterval(timer);
        resolve();
        return;
      }
      const now = new Map((await listRequests(controller)).map((each) => [each.id, each]));
      const before = waiting;
      waiting = now;
      for (const [id, request] of before)
        if (!now.has(id)) await tellGone(controller, events, request);
      for (const [id, request] of now) if (!before.has(id)) events.onRequest(request);
    } catch (thrown) {
      // What cannot be read now may be readable at the next check (T20).
      if (!(thrown instanceof CtrlExecError)) throw thrown;
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  void look();
  return { over, close: () => clearInterval(timer) };
}

async function tellGone(
  { store }: HostContext,
  events: PairingEvents,
  request: PendingRequest,
): Promise<void> {
  if (await store.pairing.wasPushedOut(request.id)) return events.onPushedOut(request);
  const known = await store.registry.find(request.hostname);
  const approved = known?.kind === "agent" && known.record.reqid === request.id;
  if (approved) events.onDecided(request);
  else events.onWithdrawn(request);
}
