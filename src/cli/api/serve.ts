/** ctrl-exec-api: serves HTTP until it is told to stop. */
import { startApi } from "../../api/server.ts";
import type { Controller } from "../../controller/control-host.ts";
import { KeptDialler } from "../../controller/fleet/kept-dialler.ts";
import { startDelivery } from "../../controller/notices/delivery.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { startWorkerThreads } from "../../system/process/helper-threads.ts";
import { reapOrphans } from "../../system/process/orphans.ts";
import { notifyReady } from "../../system/process/service-manager.ts";
import { defineVerb } from "../command/command.ts";
import { untilStopped } from "../command/stop-signals.ts";
import { openController } from "../controller/setting.ts";
import { type Reload, Reloads } from "../reload-requests.ts";
import { sayUp } from "../render/up.ts";
import { apiOptions } from "./options.ts";
import { folderWarnings, Loops, reload } from "./reload.ts";

export const serve = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: apiOptions,
  details: [
    "Serves run, ping, discovery, run records and the output of runs over HTTP on",
    "api_bind and api_port of ctrl-exec.conf (default 127.0.0.1, 7445), with TLS when",
    "the files of api_cert and api_key exist. The init system usually starts it.",
    "GET / lists the routes.",
    "",
    "With hub = on it is a hub too: agents that cannot be called connect to it, and",
    "are called through it. --hub-only starts a hub and nothing else, for a machine",
    "that is not a control host: it needs the CA's certificate, makes a certificate",
    "of its own, and says its fingerprint, by which agents and control hosts know it.",
    "",
    "With join = on it holds the pairing port too: hosts join with tokens, and a",
    "request without one waits for an operator (ctrl-exec pairing-mode).",
    "",
    "SIGHUP reloads ctrl-exec.conf (except the addresses and ports) and the",
    "certificate without dropping a connection; if a file has an error, the old state",
    "stays in force. SIGTERM stops accepting connections, ends event streams, and",
    "gives requests in flight ten seconds to finish. ctrl-exec-api reload does what",
    "SIGHUP does, and says whether it worked.",
  ].join("\n"),
  examples: ["ctrl-exec-api", "ctrl-exec-api --config /etc/ctrl-exec/ctrl-exec.conf --log stderr"],
  async run({ options, io }) {
    reapOrphans();
    if (options["hub-only"]) {
      const { serveHubOnly } = await import("./hub-only.ts");
      return await serveHubOnly(await openController(options), io);
    }
    // Before anything else: a SIGHUP while the API is starting must not end it.
    const started = Promise.withResolvers<Reload>();
    const ready = started.promise.then(() => undefined);
    const reloads = new Reloads(ready, async () => (await started.promise)());
    process.on("SIGHUP", () => void reloads.ask());
    await startWorkerThreads();
    const dialler = new KeptDialler();
    const keeping = (opened: Controller): Controller => {
      return { ...opened, dialler };
    };
    const controller = keeping(await openController(options));
    const { log, counts, notices } = controller;
    for (const { key, message } of await folderWarnings(controller)) {
      log({ event: "config-warn", key, msg: message });
    }
    const server = await startApi(controller);
    const loops = new Loops(controller);
    const delivery = startDelivery(controller);
    const open = async () => keeping({ ...(await openController(options)), log, counts, notices });
    started.resolve(() => reload(controller, open, server, loops));
    reloads.serve(io.env, log);
    notifyReady(io.env.NOTIFY_SOCKET);
    const at = formatHostPort(controller.config.api_bind, server.port);
    sayUp(io, `ctrl-exec-api is up: ${server.usesTls ? "https" : "http"}://${at}`);
    await untilStopped();
    reloads.stop();
    loops.stop();
    await server.stop();
    await delivery.stop();
    return 0;
  },
});
