/** `metrics_bind`: the metrics on a separate address. */
import type { Controller } from "../controller/control-host.ts";
import { CtrlExecError, messageOf } from "../core/errors.ts";
import { isLoopback } from "../core/net/foreign-host.ts";
import { readPrivateText } from "../system/files/files.ts";
import type { HttpServer } from "../system/net/http-server.ts";
import { startMetricsServer } from "../system/net/metrics-server.ts";
import type { RequestLoop } from "./request-loop.ts";

/** A token that can be guessed is useless. */
const SHORTEST_TOKEN = 16;

export interface MetricsPort {
  /** Puts a configuration's token in force. @throws CtrlExecError `config`, and leaves the old one */
  reload(next: Controller): void;
  stopAccepting(): void;
  closeAll(): void;
}

/** Undefined if there is no `metrics_bind`. @throws CtrlExecError `config` */
export async function startMetricsPort(
  first: Controller,
  api: RequestLoop,
): Promise<MetricsPort | undefined> {
  const { config, log } = first;
  const { metrics_bind: bind, metrics_port } = config;
  if (bind === undefined) return undefined;
  let token = tokenFor(first, bind);
  const server: HttpServer = await startMetricsServer({
    bind,
    port: metrics_port,
    token: () => token,
    secureContext: () => api.tls,
    text: (format) => api.metrics(format),
    onFailure: (thrown) => log({ event: "api-error", error: messageOf(thrown) }),
    onTlsFailure: (peer, reason) => log({ event: "tls-failure", peer, reason }),
  });
  log({ event: "metrics-start", bind, port: server.port });
  return {
    reload(next) {
      token = tokenFor(next, bind);
    },
    stopAccepting: () => server.stopAccepting(),
    closeAll: () => server.closeAll(),
  };
}

/** @throws CtrlExecError `config` if there is none, and the address needs one */
function tokenFor({ config }: Controller, bind: string): string | undefined {
  const { file, metrics_token_file: path } = config;
  if (path === undefined) {
    if (isLoopback(bind)) return undefined;
    throw new CtrlExecError(
      "config",
      `Cannot use ${file}: metrics_bind is ${bind}, which others can reach, and there is no metrics_token_file`,
      { hint: "Set metrics_token_file, or metrics_bind to 127.0.0.1." },
    );
  }
  const token = readPrivateText(path).trim();
  if (/^[!-~]+$/.test(token) && token.length >= SHORTEST_TOKEN) return token;
  throw new CtrlExecError(
    "config",
    `Cannot use ${path}: it does not contain one token of ${SHORTEST_TOKEN} or more printable characters`,
    { hint: `Make one: openssl rand -hex 32 | install -m 0600 /dev/stdin ${path}` },
  );
}
