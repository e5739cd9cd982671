/** One request to one agent: connects, verifies who answers, asks, reads the answer. */
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import type { ReplyShare } from "../../core/reply-budget.ts";
import { formatBytes } from "../../core/units.ts";
import { refusesCertificate } from "../../core/wire/connection-problem.ts";
import { Deadline } from "../../system/deadline.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import { type HttpReply, requestOver } from "../../system/net/http-client.ts";
import type { HttpStream } from "../../system/net/http-stream.ts";
import { agentProblem, droppedAnswer } from "./agent-problem.ts";
import { type AgentRequest, BOUNDS, type RunStream, type ShownByAgent } from "./agent-request.ts";
import { AgentRoute, type Connect } from "./agent-route.ts";
import type { Dialler } from "./dialler.ts";
import type { AgentAtHub } from "./hub-client.ts";
import { identityProblem } from "./peer-identity.ts";
import type { AgentConnection, AgentPool } from "./pool.ts";
import { otherPortHint } from "./target-hints.ts";
import type { ResolvedTarget } from "./targets.ts";

/** A stream that takes longer keeps no other request from asking the same agent. */
const STREAM_LEASE_MS = 1000;

/**
 * Bytes in memory, where an answer's first bytes count twice. A refusal repeats the script's name or its path
 * (4096 bytes, PATH_MAX), which JSON may make six times as long.
 */
const LONGEST_REFUSAL = 65_536;

/** Its total deadline runs from the host's own start. */
export class AgentCall {
  readonly #dialler: Dialler;
  readonly #target: ResolvedTarget;
  readonly #request: AgentRequest;
  readonly #share: ReplyShare;
  readonly #onPeer: (address: string) => void;
  readonly #route: AgentRoute;
  #hub: AgentAtHub | undefined;
  #clock: Deadline | undefined;
  #expired = false;
  /** Nobody waits for it any more. */
  #isUnwanted = false;
  /** Whether the answer is a stream. */
  #streams = false;
  /** Whether the answer is longer than any refusal. */
  #isOutput = false;
  /** Rejects at the deadline, so that every host gets a result, whatever a library fails to do (T23). */
  readonly #expiry = Promise.withResolvers<never>();
  #abort: () => void = () => undefined;
  #endLease: () => void = () => undefined;

  constructor(
    dialler: Dialler,
    target: ResolvedTarget,
    request: AgentRequest,
    share: ReplyShare,
    onPeer: (address: string) => void,
  ) {
    this.#dialler = dialler;
    this.#target = target;
    this.#request = request;
    this.#share = share;
    this.#onPeer = onPeer;
    this.#route = new AgentRoute(dialler, target, {
      onPeer,
      isOver: () => this.#expired || this.#isUnwanted,
      onConnected: (connection) => {
        this.#abort = () => connection.close();
        if (this.#expired || this.#isUnwanted) this.#abort();
        this.#startClock();
      },
    });
  }

  async make(): Promise<HttpReply> {
    const { config } = this.#dialler;
    const { signal } = this.#request;
    const giveUp = () => this.#giveUp();
    try {
      if (signal?.aborted) throw unwanted();
      signal?.addEventListener("abort", giveUp, { once: true });
      return await Promise.race([this.#work(), this.#expiry.promise]);
    } catch (thrown) {
      if (this.#isUnwanted) throw unwanted(thrown);
      if (this.#expired) {
        throw new CtrlExecError("timeout", `read timeout after ${config.read_timeout}s`, {
          cause: thrown,
        });
      }
      if (thrown instanceof CtrlExecError && thrown.code === "too-large") throw this.#drop(thrown);
      // TLS 1.3: a client may send before the server has judged its certificate; if that is refused, nobody
      // reads the data.
      if (refusesCertificate(systemCode(thrown))) this.#dialler.sending?.turnedAway(this.#target);
      throw this.#route.alsoNotAtHub(
        agentProblem(thrown, this.#target, this.#route.address, config.file),
      );
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  end(): void {
    this.#clock?.stop();
  }

  get shown(): ShownByAgent | undefined {
    return this.#route.shown;
  }

  /** The hub through which it was answered; undefined if that was direct. */
  get hub(): AgentAtHub | undefined {
    return this.#hub;
  }

  async #work(): Promise<HttpReply> {
    const { pool } = this.#dialler;
    const connect = await this.#route.find();
    if (pool !== undefined) return await this.#askWithPool(pool, connect);
    return await this.#askOnce(await connect(), false);
  }

  async #askWithPool(pool: AgentPool, connect: Connect): Promise<HttpReply> {
    const { serial } = this.#dialler;
    const lease = await pool.lease(
      `${serial} ${this.#route.address} ${this.#target.record?.hostname ?? ""}`,
    );
    this.#endLease = () => lease.end(undefined, 0);
    let connection = lease.connection;
    let keepMs = 0;
    try {
      if (connection !== undefined) {
        const reply = await this.#askKept(connection);
        if (reply !== undefined) {
          keepMs = reply.keepMs;
          return reply;
        }
      }
      connection = await connect();
      const reply = await this.#askOnce(connection, true);
      keepMs = reply.keepMs;
      return reply;
    } finally {
      lease.end(keepMs > 0 ? connection : undefined, keepMs);
    }
  }

  /**
   * Undefined if the agent had hung up. A request that may have reached it is repeated only if that is
   * harmless: a script never runs twice.
   */
  async #askKept(connection: AgentConnection): Promise<HttpReply | undefined> {
    // Lets us see a hang-up that the kernel already knows. The event loop asks the kernel between two turns,
    // and the first may begin before that.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    if (connection.tls.closed) return undefined;
    if (connection.hub === undefined) this.#onPeer(connection.peerAddress);
    this.#startClock();
    try {
      return await this.#askOnce(connection, true);
    } catch (thrown) {
      const again = thrown instanceof ConnectionFailed && this.#request.idempotent === true;
      if (!again || this.#expired || this.#streams) throw thrown;
      return undefined;
    }
  }

  async #askOnce(connection: AgentConnection, keepAlive: boolean): Promise<HttpReply> {
    const { tls } = connection;
    this.#hub = connection.hub;
    const { method, path, body, reply, onStream } = this.#request;
    this.#abort = () => tls.close();
    this.#requireIdentity(connection);
    // Nothing is sent on a connection that has closed in the meantime.
    if (!tls.closed && this.#dialler.sending?.mayBeSent(this.#target) === false) {
      tls.close();
      throw new CtrlExecError("unreachable", "the run was stopped before this host was asked");
    }
    return await requestOver(tls, {
      method,
      path,
      host: this.#route.host,
      body: body === undefined ? undefined : JSON.stringify(body),
      ...BOUNDS[reply],
      keepAlive,
      onHeld: (bytes, status) => {
        this.#isOutput = status === 200 && bytes > LONGEST_REFUSAL;
        this.#count(bytes);
      },
      pace: this.#dialler.pace,
      onStream: onStream && ((stream) => this.#take(stream, onStream, connection)),
    });
  }

  /** @throws CtrlExecError `untrusted` if it is not the host that was called, or is revoked by now */
  #requireIdentity({ tls, peer, hub }: AgentConnection): void {
    const { config, revoked } = this.#dialler;
    // Who answers at a hub is the hub's choice: `ca` would leave it to the hub which agent that is.
    const policy = hub === undefined ? config.verify_agent_identity : "strict";
    const problem = identityProblem(this.#target, peer, policy, revoked);
    if (problem === undefined) return;
    tls.close();
    throw new CtrlExecError("untrusted", problem, otherPortHint(this.#target));
  }

  /** A run may go on for days: what its host says after it was revoked is not taken (T02). */
  async #take(
    stream: HttpStream,
    onStream: (stream: RunStream) => Promise<void>,
    connection: AgentConnection,
  ): Promise<void> {
    this.#streams = true;
    this.#clock?.stop();
    const timer = setTimeout(this.#endLease, STREAM_LEASE_MS);
    const next = async () => {
      const content = await stream.next();
      this.#requireIdentity(connection);
      return content;
    };
    try {
      await onStream({ next, abandon: () => stream.abandon() });
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws CtrlExecError `too-large` */
  #count(held: number): void {
    const { max_reply, max_replies } = this.#dialler.config;
    if (this.#request.reply === "output" && held > max_reply) {
      throw new CtrlExecError("too-large", `is larger than ${formatBytes(max_reply)}`, {
        hint: "max_reply in ctrl-exec.conf sets the limit, max_output in agent.conf what an agent sends.",
      });
    }
    if (this.#share.hold(held)) return;
    const problem = `leaves too little of ${formatBytes(max_replies)} for the answers of other hosts`;
    throw new CtrlExecError("too-large", problem, {
      hint: "max_replies in ctrl-exec.conf sets the limit.",
    });
  }

  /** A refusal is short, so if the answer is long, the script has run. */
  #drop(thrown: CtrlExecError): CtrlExecError {
    const { reply, path } = this.#request;
    const hasRun = reply === "output" && this.#isOutput;
    if (hasRun) this.#dialler.sending?.ended(this.#target);
    return droppedAnswer(thrown, this.#target.label, path, hasRun);
  }

  #giveUp(): void {
    if (this.#streams) return;
    this.#isUnwanted = true;
    this.#abort();
    this.#expiry.reject(unwanted());
  }

  #startClock(): void {
    this.#clock ??= new Deadline(this.#dialler.config.read_timeout * 1000, () => {
      this.#expired = true;
      this.#abort();
      this.#expiry.reject(new ConnectionFailed("ETIMEDOUT"));
    });
  }
}

function unwanted(cause?: unknown): CtrlExecError {
  return new CtrlExecError("unreachable", "its answer was not waited for any longer", { cause });
}
