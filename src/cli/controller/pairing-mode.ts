import { startPairingServer } from "../../controller/pairing/server.ts";
import { startCheckLoop } from "../../controller/upkeep/check-loop.ts";
import { screenLine } from "../../core/text.ts";
import { startWorkerThreads } from "../../system/process/helper-threads.ts";
import { reapOrphans } from "../../system/process/orphans.ts";
import { defineVerb } from "../command/command.ts";
import { firstSignal, lostTerminal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { COVERED } from "../render/covered.ts";
import { fingerprintLines } from "../render/fingerprint.ts";
import { commonOptions } from "./options.ts";
import { PairingConsole } from "./pairing-console.ts";
import { openController } from "./setting.ts";

export const pairingMode = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: commonOptions,
  details: [
    "Listens on pairing_port of ctrl-exec.conf (7444). On a terminal it shows each",
    "request: compare its id, six-digit code and CA fingerprint with the agent's",
    "screen, then approve, deny or skip. Without a terminal it only takes requests;",
    "decide with list-requests, approve and deny. Ctrl-C ends it.",
    "",
    '"Code covers: both hosts" means that nobody in between could have chosen the',
    "code. With a host of 0.8 or 1.0, both screens say that it covers the request",
    "alone. Such a code can be forged: compare the CA fingerprints. If one screen",
    "says both hosts and the other the request alone, somebody is in between: deny.",
    "",
    "While it runs, it also maintains certificates, as ctrl-exec maintain does, every",
    "cert_check_interval.",
  ].join("\n"),
  examples: ["ctrl-exec pairing-mode"],
  async run({ options, io }) {
    reapOrphans();
    await startWorkerThreads();
    const controller = await openController(options);
    const console = io.inIsTerminal ? new PairingConsole(controller, io) : undefined;
    const server = await startPairingServer(controller, {
      onRequest: (request) => {
        if (console === undefined) {
          const { id, hostname, ip, code, code_covers } = request;
          io.note(
            screenLine`Pairing request ${id} from ${hostname} (${ip}), code ${code} (covers ${COVERED[code_covers]})\n`,
          );
        } else console.arrived(request);
      },
      onPushedOut: (request) => {
        if (console === undefined) {
          io.err(`Pairing request ${request.id} was pushed out of the full queue by newer ones\n`);
        } else console.pushedOut(request);
      },
      onDecided: (request) => console?.decided(request),
      onWithdrawn: (request) => console?.withdrawn(request),
    });
    const checks = startCheckLoop(controller);
    let inputEnded = false;
    const operator = console?.run().then((how) => {
      inputEnded = how === "input ended";
    });
    const stopped = firstSignal(STOP_SIGNALS, operator);
    io.err(fingerprintLines("CA fingerprint:  ", server.caFingerprint));
    io.err("The agent's screen must show the same.\n");
    io.err(`Waiting for pairing requests on port ${server.port}. Ctrl-C to stop.\n`);
    const signal = await stopped;
    console?.close();
    checks.stop();
    await server.close();
    io.err("Pairing mode has ended.\n");
    // Ctrl-C and SIGTERM are how one ends it.
    return signal === "SIGHUP" || (inputEnded && lostTerminal()) ? "SIGHUP" : 0;
  },
});
