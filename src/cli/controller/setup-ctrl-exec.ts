import type { Controller } from "../../controller/control-host.ts";
import { requireRightClock } from "../../controller/inventory/clock-check.ts";
import { setupController } from "../../controller/trust/ca.ts";
import { loadCredential, lossOfCredential } from "../../controller/trust/credential.ts";
import { rotateNow } from "../../controller/upkeep/rotate-now.ts";
import {
  type ControllerConfig,
  configArgument,
  pairingCommand,
} from "../../core/config/controller-config.ts";
import { opensslTime } from "../../core/time.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import { defineVerb } from "../command/command.ts";
import type { Io } from "../command/io.ts";
import { askYesNo } from "../command/prompt.ts";
import { renderBroadcast } from "./broadcast-text.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

const DEED = "make this host's certificate";

export const setupCtrlExec = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: {
    port: controllerOptions.port,
    yes: controllerOptions.yes,
    force: controllerOptions.force,
    ...commonOptions,
  },
  details: [
    "Makes the key and certificate with which this host calls its agents, signed by",
    "the CA. Hosts that are registered already know this host by its current",
    "certificate: this shows how many there are, asks for confirmation, and then",
    "replaces the certificate as rotate-cert does. A current certificate or key that",
    "cannot be read, or that others can read, is named and left alone. An expired one",
    "is signed again first, so that its agents can be told.",
  ].join("\n"),
  examples: ["ctrl-exec setup-ctrl-exec"],
  async run({ options, io }) {
    const controller = await openController(options);
    const { config } = controller;
    const registry = await controller.store.registry.read();
    // A record that cannot be read still stands for an agent.
    const agents = registry.agents.size + registry.broken.length;
    if (agents > 0) return await replaceUnderAgents(controller, agents, options, io);
    await requireRightClock(controller, DEED, false);
    const certificate = await setupController(controller);
    describe(io, config, certificate);
    const pairing = `ctrl-exec pairing-mode${configArgument(config.file)}`;
    io.err(`Next: ${pairing}, and on each host: ${pairingCommand(config)}\n`);
    return 0;
  },
});

/**
 * Does what rotate-cert does, so that a yes loses no agent; only a lost certificate is replaced without it. @throws
 * CtrlExecError `config` for a fault that can be corrected, which must not cost a fleet its pairing
 */
async function replaceUnderAgents(
  controller: Controller,
  agents: number,
  { yes, force }: { readonly yes: boolean; readonly force: boolean },
  io: Io,
): Promise<number> {
  const { config, now } = controller;
  const loss = lossOfCredential(config, now());
  if (loss === undefined) {
    io.err(`${config.cert} exists; registered agents that know this host by it: ${agents}.\n`);
    io.err("rotate-cert replaces it: agents are told the new one, and those that are away\n");
    io.err(
      `have ${config.cert_overlap_days} days to come back before they must be paired again.\n`,
    );
  } else {
    io.err(`${loss}\nRegistered agents that know this host by the lost one: ${agents}.\n`);
    io.err("No agent can be told: after this, each must be paired again. With a backup of\n");
    io.err(`${config.key} and ${config.cert}, no agent is lost.\n`);
  }
  if (!yes && !(await askYesNo(io, "Proceed? [y/N] "))) {
    io.err("Nothing was changed.\n");
    return 1;
  }
  const report = loss === undefined ? await rotateNow(controller, force) : undefined;
  if (report === undefined) {
    await requireRightClock(controller, DEED, force);
    await setupController(controller);
  }
  describe(io, config, loadCredential(config, now()).certificate);
  if (report !== undefined) renderBroadcast(io, report, config);
  return 0;
}

function describe(io: Io, config: ControllerConfig, certificate: CertificateFacts): void {
  io.out(
    [
      `Key:          ${config.key}`,
      `Certificate:  ${config.cert} (expires ${opensslTime(certificate.notAfter)})`,
      `Serial:       ${certificate.serial}`,
      "",
    ].join("\n"),
  );
}
