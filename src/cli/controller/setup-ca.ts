import { setupCa as makeCa } from "../../controller/trust/ca.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { opensslTime } from "../../core/time.ts";
import { defineVerb } from "../command/command.ts";
import { commonOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const setupCa = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: commonOptions,
  details: [
    "Makes the CA key and certificate that sign every certificate of the fleet, valid",
    "for 10 years. Never overwrites a CA. The key stays on this host; keep a backup",
    "of it offline. New hosts can check the fingerprint that this mode prints:",
    "request-pairing --ca-fingerprint.",
  ].join("\n"),
  examples: ["ctrl-exec setup-ca"],
  async run({ options, io }) {
    const controller = await openController(options);
    const { certificate, files } = await makeCa(controller);
    io.out(
      [
        `CA key:          ${files.key}`,
        `CA certificate:  ${files.certificate} (expires ${opensslTime(certificate.notAfter)})`,
        `CA fingerprint:  ${certificate.fingerprint}`,
        "",
      ].join("\n"),
    );
    io.err(`Next: ctrl-exec setup-ctrl-exec${configArgument(controller.config.file)}\n`);
    return 0;
  },
});
