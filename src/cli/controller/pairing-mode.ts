import type { Controller } from "../../controller/control-host.ts";
import { watchQueue } from "../../controller/pairing/queue-watch.ts";
import { type PairingEvents, startPairingServer } from "../../controller/pairing/server.ts";
import { loadCredential } from "../../controller/trust/credential.ts";
import { startCheckLoop } from "../../controller/upkeep/check-loop.ts";
import { screenLine } from "../../core/text.ts";
import { startWorkerThreads } from "../../system/process/helper-threads.ts";
import { reapOrphans } from "../../system/process/orphans.ts";
import { defineVerb } from "../command/command.ts";
import type { Io } from "../command/io.ts";
import { type Ending, firstSignal, lostTerminal, STOP_SIGNALS } from "../command/stop-signals.ts";
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
    '"Code covers: both hosts" means that no attacker in between could have chosen',
    "the code. With a host of 0.8 or 1.0, both screens say that it covers the",
    "request alone. Such a code can be forged: compare the CA fingerprints. If one",
    "screen says both hosts and the other the request alone, an attacker is in",
    "between: deny.",
    "",
    "Where ctrl-exec-api holds the port (join = on in ctrl-exec.conf), it is the",
    "console of the API's queue, and can be ended at any time.",
    "",
    "While it holds the port, it also maintains certificates, as ctrl-exec maintain",
    "does, every cert_check_interval.",
  ].join("\n"),
  examples: ["ctrl-exec pairing-mode"],
  async run({ options, io }) {
    reapOrphans();
    await startWorkerThreads();
    const controller = await openController(options);
    const console = io.inIsTerminal ? new PairingConsole(controller, io) : undefined;
    const events = eventsFor(console, io);
    if ((await controller.store.pairing.deskKeeper()) === "ctrl-exec-api") {
      return await watchHeldPort(controller, console, events, io);
    }
    const server = await startPairingServer(controller, events);
    const checks = startCheckLoop(controller);
    const ended = untilEnded(console);
    io.err(fingerprintLines("CA fingerprint:  ", server.caFingerprint));
    io.err("The agent's screen must show the same.\n");
    io.err(`Waiting for pairing requests on port ${server.port}. Ctrl-C to stop.\n`);
    const ending = await ended;
    console?.close();
    checks.stop();
    await server.close();
    io.err("Pairing mode has ended.\n");
    return ending;
  },
});

/** ctrl-exec-api takes the requests, and maintains the certificates: this is the console of its queue. */
async function watchHeldPort(
  controller: Controller,
  console: PairingConsole | undefined,
  events: PairingEvents,
  io: Io,
): Promise<Ending> {
  const { config, now } = controller;
  const { ca } = loadCredential(config, now());
  const ended = untilEnded(console);
  io.err(fingerprintLines("CA fingerprint:  ", ca.fingerprint));
  io.err("The agent's screen must show the same.\n");
  io.err("ctrl-exec-api takes the pairing requests; they are decided here. Ctrl-C to stop.\n");
  const watch = watchQueue(controller, events);
  const ending = await Promise.race([ended, watch.over.then(() => "over" as const)]);
  watch.close();
  console?.close();
  if (ending !== "over") {
    io.err("Pairing mode has ended; ctrl-exec-api goes on taking requests.\n");
    return ending;
  }
  io.err(
    "ctrl-exec-api holds the pairing port no more. Start pairing-mode again to hold it here.\n",
  );
  return 1;
}

/** Until the operator, or a signal, ends it. */
async function untilEnded(console: PairingConsole | undefined): Promise<Ending> {
  let inputEnded = false;
  const operator = console?.run().then((how) => {
    inputEnded = how === "input ended";
  });
  const signal = await firstSignal(STOP_SIGNALS, operator);
  // Ctrl-C and SIGTERM are how one ends it.
  return signal === "SIGHUP" || (inputEnded && lostTerminal()) ? "SIGHUP" : 0;
}

function eventsFor(console: PairingConsole | undefined, io: Io): PairingEvents {
  if (console !== undefined) {
    return {
      onRequest: (request) => console.arrived(request),
      onPushedOut: (request) => console.pushedOut(request),
      onDecided: (request) => console.decided(request),
      onWithdrawn: (request) => console.withdrawn(request),
    };
  }
  return {
    onRequest: ({ id, hostname, ip, code, code_covers }) =>
      io.note(
        screenLine`Pairing request ${id} from ${hostname} (${ip}), code ${code} (covers ${COVERED[code_covers]})\n`,
      ),
    onPushedOut: ({ id }) =>
      io.err(`Pairing request ${id} was pushed out of the full queue by newer ones\n`),
    onDecided: () => undefined,
    onWithdrawn: () => undefined,
  };
}
