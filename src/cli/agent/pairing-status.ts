import { isPaired, loadCertificate } from "../../agent/identity-files.ts";
import { daysBetween, isoSeconds, opensslTime } from "../../core/time.ts";
import { defineVerb } from "../command.ts";
import { writeJson } from "../render/json.ts";
import { agentOptions } from "./options.ts";
import { openAgentSetting } from "./setting.ts";

export const pairingStatus = defineVerb({
  summary: "Say whether this agent is paired, and until when",
  positionals: "",
  arity: [0, 0],
  options: { config: agentOptions.config, json: agentOptions.json },
  details: "Exits 0 if this agent is paired, 1 if it is not, so that scripts can ask.",
  examples: ["ctrl-exec-agent pairing-status", "ctrl-exec-agent pairing-status --json"],
  async run({ options, io }) {
    const { config } = await openAgentSetting(options, "defaults");
    if (!isPaired(config)) {
      if (options.json) writeJson(io, { ok: 1, paired: false });
      else io.out("Paired: no\n");
      return 1;
    }
    const { notAfter, commonName, serial } = loadCertificate(config);
    const daysLeft = daysBetween(new Date(), notAfter);
    if (options.json) {
      const expiry = isoSeconds(notAfter);
      const status = {
        ok: 1,
        paired: true,
        hostname: commonName,
        cert_expiry: expiry,
        days_left: daysLeft,
        serial,
      };
      writeJson(io, status);
    } else {
      io.out(`Paired: yes (cert expires ${opensslTime(notAfter)})\n`);
      if (daysLeft < 0) io.err("The certificate has expired: pair this agent again.\n");
    }
    return 0;
  },
});
