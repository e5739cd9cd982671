/** One request to one agent: dial, verify who answers, ask, read the answer. */
import type { SecureContext } from "node:tls";
import { type ConnectionPhase, connectionProblem } from "../core/connection-problem.ts";
import type { ControllerConfig } from "../core/controller-config.ts";
import { CtrlExecError } from "../core/errors.ts";
import { formatHostPort } from "../core/host-name.ts";
import type { Semaphore } from "../core/semaphore.ts";
import type { Serial } from "../core/serial.ts";
import { factsOf } from "../pki/certificate.ts";
import { requestOver } from "../system/http-client.ts";
import { ConnectionFailed, connectTcp, secureClient } from "../system/tls.ts";
import { identityProblem } from "./identity.ts";
import { dialAddress, type ResolvedTarget } from "./targets.ts";

export interface AgentRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Sent as JSON; undefined sends no body. */
  readonly body?: unknown;
}

export interface AgentReply {
  readonly status: number;
  /** The answer's JSON. */
  readonly json: unknown;
}

/** What all requests of a fan-out share. */
export interface Dialler {
  readonly config: ControllerConfig;
  readonly context: SecureContext;
  /** The serial of this host's certificate in the context: a connection made under one is not another's. */
  readonly serial: Serial;
  /** Serials of certificates that answer for nobody. */
  readonly revoked: ReadonlySet<Serial>;
  /** Bounds handshakes under way: beyond 8 they starve each other (DESIGN, "TLS"). */
  readonly handshakes: Semaphore;
}

export const MAX_HANDSHAKES = 8;

/** Two outputs of 64 MiB, each of which JSON may escape, and the rest. */
const MAX_REPLY_BYTES = 512 * 2 ** 20;

/** @throws CtrlExecError whose message names the likely cause */
export async function askAgent(
  dialler: Dialler,
  target: ResolvedTarget,
  request: AgentRequest,
): Promise<AgentReply> {
  const { config } = dialler;
  const address = await dialAddress(target);
  const place = formatHostPort(address, target.port);
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  let phase: ConnectionPhase = "connect";
  const deadline = new Deadline(config.read_timeout);
  let release: () => void = () => undefined;
  try {
    const raw = await connectTcp(address, target.port, config.connect_timeout * 1000);
    // Waiting for a place does not count against the host's own time.
    release = await dialler.handshakes.acquire();
    deadline.start(() => raw.destroy());
    phase = "handshake";
    const { socket, peer } = await secureClient(raw, {
      context: dialler.context,
      verifyChain: true,
    });
    release();
    phase = "request";
    const problem = identityProblem(
      target,
      factsOf(peer),
      config.verify_agent_identity,
      dialler.revoked,
    );
    if (problem !== undefined) {
      socket.destroy();
      throw new CtrlExecError("untrusted", problem);
    }
    const reply = await requestOver(socket, {
      method: request.method,
      path: request.path,
      host: place,
      body,
      maxBytes: MAX_REPLY_BYTES,
    });
    return { status: reply.status, json: parseReply(reply.body, target.name) };
  } catch (thrown) {
    if (deadline.expired) {
      throw new CtrlExecError("timeout", `read timeout after ${config.read_timeout}s`, {
        cause: thrown,
      });
    }
    throw explain(thrown, phase, target.name, place);
  } finally {
    release();
    deadline.stop();
  }
}

function explain(thrown: unknown, phase: ConnectionPhase, name: string, place: string): unknown {
  if (thrown instanceof CtrlExecError && thrown.code === "protocol") {
    return new CtrlExecError("protocol", `${name} ${thrown.message}`, { cause: thrown });
  }
  if (!(thrown instanceof ConnectionFailed)) return thrown;
  const { message, hint } = connectionProblem(phase, thrown.code, "agent", place);
  const extras = hint === undefined ? { cause: thrown } : { cause: thrown, hint };
  return new CtrlExecError("unreachable", message, extras);
}

function parseReply(body: Buffer, name: string): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new CtrlExecError("protocol", `${name} answered with something that is not JSON`, {
      cause,
    });
  }
}

/** One total deadline from the host's own start. */
class Deadline {
  readonly #seconds: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  expired = false;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  start(abort: () => void): void {
    this.#timer = setTimeout(() => {
      this.expired = true;
      abort();
    }, this.#seconds * 1000);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
