/** `self-ping`: a real connection to the running agent, with the agent's own certificate. */
import * as z from "zod/mini";
import { type AgentConfig, agentConfigArgument } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { MAX_SHORT_ANSWER } from "../../core/wire/limits.ts";
import { refusalIn } from "../../core/wire/messages/refusal.ts";
import { word } from "../../core/wire/messages/texts.ts";
import { factsOf } from "../../pki/certificate.ts";
import { dial, unreachable } from "../../system/net/dial.ts";
import { requestOver } from "../../system/net/http-client.ts";
import type { AgentTrust } from "../trust/trust.ts";

const ownVersion = z.object({ version: z.optional(word) });

/** For each step: connecting, the handshake, the answer. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 10_000;

export interface SelfPingSteps {
  onListening(): void;
  onHandshake(): void;
}

export interface SelfPingReply {
  readonly status: number;
  /** The refusal's text; empty if there is none. */
  readonly error: string;
  /** The agent's; undefined if it does not say, as agents before 1.1. */
  readonly version: string | undefined;
}

/** @throws CtrlExecError that says how far it got */
export async function selfPing(
  { identity }: AgentTrust,
  { file, port }: AgentConfig,
  host: string,
  steps: SelfPingSteps,
): Promise<SelfPingReply> {
  const address = formatHostPort(host, port);
  try {
    const { connection, peer } = await dial({
      host,
      port,
      credential: identity.credential,
      timeoutMs: CONNECT_MS,
      onConnected: () => steps.onListening(),
    });
    if (factsOf(peer).fingerprint !== identity.certificate.fingerprint) {
      connection.close();
      throw otherCertificate(address);
    }
    steps.onHandshake();
    using _deadline = connection.failAfter(ANSWER_MS);
    const reply = await requestOver(connection, {
      method: "POST",
      path: "/ping",
      host: address,
      body: JSON.stringify({ reqid: "" }),
      maxBytes: MAX_SHORT_ANSWER,
      keepAlive: false,
    });
    const { version } = ownVersion.safeParse(reply.json).data ?? {};
    return { status: reply.status, error: refusalIn(reply.json) ?? "", version };
  } catch (thrown) {
    throw unreachable(thrown, {
      listener: "agent",
      address,
      attempt: "Cannot self-ping",
      hintFor: (code) => (code === "ECONNREFUSED" ? startHint(file) : undefined),
    });
  }
}

/** The service uses the usual file. */
function startHint(file: string): string {
  const option = agentConfigArgument(file);
  const service = option === "" ? "systemctl start ctrl-exec-agent, or " : "";
  return `Is it running? Start it: ${service}ctrl-exec-agent serve${option}.`;
}

function otherCertificate(address: string): CtrlExecError {
  return new CtrlExecError("untrusted", `Cannot self-ping: ${address} shows another certificate`, {
    hint: "Another agent has the port, or this one cannot use its new certificate: self-check says why.",
  });
}
