import { setupController } from "../../controller/authority.ts";
import { readRegistry } from "../../controller/registry.ts";
import { opensslTime } from "../../core/time.ts";
import { readTextIfPresent } from "../../system/files.ts";
import { defineVerb } from "../command.ts";
import { askYesNo } from "../prompt.ts";
import { commonOptions, controllerOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const setupCtrlExec = defineVerb({
  summary: "Make this control host's own key and certificate",
  positionals: "",
  arity: [0, 0],
  options: { ...commonOptions, yes: controllerOptions.yes },
  details: [
    "Makes the key and certificate under which this host calls its agents, signed by the CA.",
    "When hosts are registered already they know this host by its present certificate: the number of",
    "them is shown and a confirmation asked for.",
  ].join("\n"),
  examples: ["ctrl-exec setup-ctrl-exec"],
  async run({ options, io }) {
    const controller = await openController(options);
    const { config } = controller;
    const agents = readRegistry(config).agents.size;
    if (agents > 0 && readTextIfPresent(config.cert) !== undefined && !options.yes) {
      io.err(`${config.cert} exists, and ${agents} registered agent(s) know this host by it.\n`);
      io.err("After this, they refuse this host until they are paired again.\n");
      if (!(await askYesNo(io, "Proceed? [y/N] "))) {
        io.err("Nothing was changed.\n");
        return 1;
      }
    }
    const certificate = await setupController(controller);
    io.out(
      [
        `Key:          ${config.key}`,
        `Certificate:  ${config.cert} (expires ${opensslTime(certificate.notAfter)})`,
        `Serial:       ${certificate.serial}`,
        "",
      ].join("\n"),
    );
    io.err("Next: ctrl-exec pairing-mode, and on each host: ctrl-exec-agent request-pairing\n");
    return 0;
  },
});
