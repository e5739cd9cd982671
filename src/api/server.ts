/** ctrl-exec-api: from its start to its end. */
import type { Controller } from "../controller/control-host.ts";
import type { KeptPort } from "../controller/pairing/kept-port.ts";
import { ANY_TIME, loadCredential } from "../controller/trust/credential.ts";
import type { Hub } from "../hub/hub.ts";
import { startHttpServer } from "../system/net/http-server.ts";
import { pairingShare } from "./capacity.ts";
import { startMetricsPort } from "./metrics-port.ts";
import { RequestLoop } from "./request-loop.ts";

export interface ApiServer {
  readonly port: number;
  readonly usesTls: boolean;
  /**
   * Puts a configuration and its certificate in force, from the next request and handshake on.
   * @throws CtrlExecError `config`, and leaves everything as it was
   */
  reload(controller: Controller): void;
  /**
   * Stops accepting, ends streams, gives requests in flight some time to finish, and resolves when all are answered.
   */
  stop(): Promise<void>;
}

/**
 * @param drainMs how long requests in flight have when it stops
 * @throws CtrlExecError `config` if it cannot start
 */
export async function startApi(first: Controller, drainMs?: number): Promise<ApiServer> {
  const { config, log } = first;
  // Without it every request would fail. The check loop signs an expired one again.
  loadCredential(config, ANY_TIME);
  const api = new RequestLoop(first, drainMs);
  const server = await startHttpServer({
    bind: config.api_bind,
    port: config.api_port,
    secureContext: () => api.tls,
    onRequest: (request, response, peer, broken) => {
      void api.answer(request, response, peer, broken);
    },
    refuse: (status, peer) => api.rawRefusal(status, peer),
    connections: api.shares.connections,
    onTlsFailure: (peer, reason) => log({ event: "tls-failure", peer, reason }),
  });
  const metrics = await startMetricsPort(first, api).catch((thrown) => {
    server.stopAccepting();
    throw thrown;
  });
  const { port } = server;
  const usesTls = api.tls !== undefined;
  await api.detached.start();
  const door = config.join ? await openDoor(first) : undefined;
  let current = first;
  const hub = config.hub ? await openHub(() => current) : undefined;
  // From now on, commands add what they count.
  void first.counts.all();
  log({ event: "api-start", bind: config.api_bind, port, tls: usesTls ? "yes" : "no" });
  return {
    port,
    usesTls,
    reload(next) {
      metrics?.reload(next);
      api.reload(next);
      current = next;
    },
    async stop() {
      server.stopAccepting();
      metrics?.stopAccepting();
      await door?.close();
      await api.drain();
      hub?.close();
      server.closeAll();
      metrics?.closeAll();
      log({ event: "api-stop" });
    },
  };
}

async function openHub(current: () => Controller): Promise<Hub> {
  const { startHubPort } = await import("./hub-port.ts");
  return await startHubPort(current);
}

/** Loaded only if it is needed: it signs. */
async function openDoor(controller: Controller): Promise<KeptPort> {
  const { keepPairingPort } = await import("../controller/pairing/kept-port.ts");
  return await keepPairingPort(controller, pairingShare(controller));
}
