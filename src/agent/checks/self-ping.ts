/** `self-ping`: a real connection to the running agent, with the agent's own certificate. */

import { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { connectionProblem } from "../../core/wire/connection-problem.ts";
import { refusalIn } from "../../core/wire/messages.ts";
import { factsOf } from "../../pki/certificate.ts";
import { Deadline } from "../../system/deadline.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import { requestOver } from "../../system/net/http-client.ts";
import { connectTcp } from "../../system/net/tcp.ts";
import type { AgentTrust } from "../trust/trust.ts";

const CONNECT_MS = 5_000;
const ANSWER_MS = 10_000;
const MAX_REPLY_BYTES = 65_536;

const START = "Is it running? Start it: systemctl start ctrl-exec-agent, or ctrl-exec-agent serve.";

export interface SelfPingSteps {
  onListening(): void;
  onHandshake(): void;
}

export interface SelfPingReply {
  readonly status: number;
  /** The refusal's text; empty if there is none. */
  readonly error: string;
}

/** @throws CtrlExecError that says how far it got */
export async function selfPing(
  { identity }: AgentTrust,
  host: string,
  port: number,
  steps: SelfPingSteps,
): Promise<SelfPingReply> {
  const address = formatHostPort(host, port);
  let phase: "connect" | "handshake" | "request" = "connect";
  try {
    const connection = await connectTcp(host, port, CONNECT_MS);
    steps.onListening();
    phase = "handshake";
    const deadline = new Deadline(ANSWER_MS, () =>
      connection.fail(new ConnectionFailed("ETIMEDOUT")),
    );
    try {
      const peer = await connection.secureAsClient(identity.credential);
      phase = "request";
      if (factsOf(peer).fingerprint !== identity.certificate.fingerprint) {
        connection.close();
        throw otherCertificate(address);
      }
      steps.onHandshake();
      const body = JSON.stringify({ reqid: "" });
      const reply = await requestOver(connection, {
        method: "POST",
        path: "/ping",
        host: address,
        body,
        maxBytes: MAX_REPLY_BYTES,
        keepAlive: false,
      });
      return { status: reply.status, error: refusalIn(reply.json) ?? "" };
    } finally {
      deadline.stop();
    }
  } catch (thrown) {
    if (!(thrown instanceof ConnectionFailed)) throw thrown;
    const { message, hint } = connectionProblem(phase, thrown.code, "agent", address);
    throw new CtrlExecError("unreachable", `Cannot self-ping: ${message}`, {
      hint: thrown.code === "ECONNREFUSED" ? START : hint,
      cause: thrown,
    });
  }
}

function otherCertificate(address: string): CtrlExecError {
  return new CtrlExecError("untrusted", `Cannot self-ping: ${address} shows another certificate`, {
    hint: "Another agent has the port, or this one cannot use its new certificate: self-check says why.",
  });
}
