import { selfPing as callSelf } from "../../agent/checks/self-ping.ts";
import { readAllowedIps } from "../../agent/state/allowed-ips.ts";
import { loadTrust } from "../../agent/trust/trust.ts";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { ownAddress } from "../../core/net/own-address.ts";
import { opensslTime } from "../../core/time.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import { defineVerb } from "../command/command.ts";
import { agentOptions } from "./options.ts";
import { openAgentSetting } from "./setting.ts";

export const selfPing = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: { config: agentOptions.config },
  details: [
    "Connects to the agent on this host with the agent's own certificate. The agent",
    "must refuse it with 403, because it is not the control host's. This proves that",
    "the port listens, that TLS works and that the policy is enforced. Run it as root",
    "(sudo) or as the agent's user: others may not read the key.",
    "",
    "Exit status: 0 if the agent refused it in this way, 1 if not.",
  ].join("\n"),
  examples: ["sudo ctrl-exec-agent self-ping"],
  async run({ options, io }) {
    io.out("Checking config...\n");
    const { config } = await openAgentSetting(options, "error");
    if (!config.listen) throw opensNoPort(config);
    io.out(`Config OK (port ${config.port})\n`);
    const trust = loadTrust(config);
    io.out(`Paired: yes (cert expires ${opensslTime(trust.identity.certificate.notAfter)})\n`);
    const host = ownAddress(config.bind);
    io.out(`Connecting to ${formatHostPort(host, config.port)}...\n`);
    const { status, error } = await callSelf(trust, config, host, {
      onListening: () => io.out(`Port ${config.port}: listening\n`),
      onHandshake: () => io.out("mTLS handshake: OK\n"),
    }).catch(async (thrown) => {
      throw isHungUp(thrown) && (await leavesOut(config, host))
        ? notAllowed(config, host, thrown)
        : thrown;
    });
    if (status !== 403 || error !== "serial mismatch") {
      throw new CtrlExecError(
        "untrusted",
        `Cannot pass self-ping: the agent answered ${status} ${error}`.trim(),
        { hint: "Expected 403 serial mismatch. Look at the stored serial: self-check shows it." },
      );
    }
    io.out(
      `Ping response: ${status} ${error} (expected - agent is running and enforcing policy)\n`,
    );
    io.out("Self-ping complete.\n");
    return 0;
  },
});

function opensNoPort({ file }: AgentConfig): CtrlExecError {
  return new CtrlExecError(
    "config",
    `Cannot self-ping: ${file} has listen = no, so there is no port to call`,
    {
      hint: "Its log says ACTION=hub-up when it can be called through a hub. Ping it from the control host.",
    },
  );
}

/** The agent is running: it closed the connection before, or instead of, the handshake. */
function isHungUp(thrown: unknown): boolean {
  const { cause } = thrown instanceof CtrlExecError ? thrown : {};
  return cause instanceof ConnectionFailed && cause.code !== "ECONNREFUSED";
}

async function leavesOut(config: AgentConfig, host: string): Promise<boolean> {
  const { list } = await readAllowedIps(config);
  return list !== undefined && !list.has(host);
}

/** The connection comes from the same address that it goes to. */
function notAllowed({ file }: AgentConfig, host: string, cause: unknown): CtrlExecError {
  const message = `Cannot self-ping: allowed_ips in ${file} leaves out ${host}, and the agent hangs up`;
  return new CtrlExecError("unreachable", message, {
    hint: `Add ${host} to allowed_ips and reload the agent. The control host is not affected.`,
    cause,
  });
}
