/** The pairing port where ctrl-exec-api holds it (`join = on`): taken when it is free, for as long as the API runs. */
import type { PairingPortShares } from "../../core/descriptor-shares.ts";
import { messageOf } from "../../core/errors.ts";
import { pause } from "../../system/deadline.ts";
import type { Controller } from "../control-host.ts";
import { type PairingServer, startPairingServer } from "./server.ts";

const AGAIN_MS = 5_000;

/** What happens there can be seen in the queue: with pairing-mode, or list-requests. */
const NOBODY_WATCHES = {
  onRequest: () => undefined,
  onPushedOut: () => undefined,
  onDecided: () => undefined,
  onWithdrawn: () => undefined,
};

export interface KeptPort {
  /** Undefined while it cannot be taken. */
  readonly server: PairingServer | undefined;
  close(): Promise<void>;
}

/** A port that is taken, above all by an operator's pairing-mode, must not keep the API from its other work. */
export async function keepPairingPort(
  controller: Controller,
  shares: PairingPortShares,
  againMs = AGAIN_MS,
): Promise<KeptPort> {
  const ended = new AbortController();
  let server: PairingServer | undefined;
  let told: string | undefined;
  const take = async () => {
    try {
      server = await startPairingServer(controller, NOBODY_WATCHES, {
        keeper: "ctrl-exec-api",
        shares,
      });
    } catch (thrown) {
      const error = messageOf(thrown);
      if (error !== told) controller.log({ event: "pairing-port-fail", error });
      told = error;
    }
  };
  const goOn = async () => {
    while (server === undefined && !ended.signal.aborted) {
      await pause(againMs, ended.signal);
      if (!ended.signal.aborted) await take();
    }
  };
  await take();
  const trying = goOn();
  return {
    get server() {
      return server;
    },
    async close() {
      ended.abort();
      await trying;
      await server?.close();
    },
  };
}
