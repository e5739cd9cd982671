/**
 * Lets hosts join with tokens. For each join, in this order: the token is known and its key has signed; it is in
 * force, and valid for this network and name; this host's clock is right; then, while nobody else changes anything,
 * its use is stored, the certificate signed and the host registered. A crash in between leaves the use, which the
 * same host gets back (T10).
 */
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { tagsAllowed } from "../../core/join-rule.ts";
import { AddressList, parseAddressPrefix } from "../../core/net/address-list.ts";
import { pairedNameProblem } from "../../core/net/host-name.ts";
import { Semaphore } from "../../core/semaphore.ts";
import { changedTags, MAX_OWN_TAGS, type Tags, tagText } from "../../core/tags.ts";
import { isoSeconds } from "../../core/time.ts";
import { joinStatement } from "../../core/wire/join-statement.ts";
import type { JoinAnswer, JoinProof } from "../../core/wire/messages/join.ts";
import { type JudgedCsr, judgeCsr } from "../../pki/csr.ts";
import { isSignedByToken } from "../../pki/join-key.ts";
import type { Controller } from "../control-host.ts";
import { requireRightClock } from "../inventory/clock-check.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { StoredToken, TokenUse } from "../store/ports/join-tokens.ts";
import type { Registered } from "../store/ports/registry.ts";
import type { Writer } from "../store/ports.ts";
import type { ControllerCredential } from "../trust/credential.ts";
import { knownSerials } from "../trust/known-serials.ts";
import { type Ruling, rulesForHost } from "./join-rules.ts";
import {
  decideJoin,
  type JoinRefusal,
  NOT_ACCEPTED,
  refusalOf,
  refusedByRules,
} from "./judge-join.ts";
import { type NewHost, registerHost } from "./register-host.ts";
import { isSameHost } from "./same-host.ts";

/**
 * How long a clock that was found to be right counts as right: other hosts are asked for the time, but not for every
 * join.
 */
const CLOCK_MS = 60_000;

export interface JoinCall {
  readonly id: string;
  readonly ip: string;
  /** The value that this host has asked the agent to sign. */
  readonly value: string;
  readonly proof: JoinProof;
}

export class JoinDesk {
  readonly #controller: Controller;
  readonly #credential: ControllerCredential;
  /** The file lock keeps no queue, and would let one of many wait for ever. */
  readonly #turns = new Semaphore(1);
  #clockIsRight: Promise<void> | undefined;
  #clockSeen = Number.NEGATIVE_INFINITY;

  /** @param credential the one that the port shows */
  constructor(controller: Controller, credential: ControllerCredential) {
    this.#controller = controller;
    this.#credential = credential;
  }

  /** Never rejects because of what the agent has sent. */
  async admit(call: JoinCall): Promise<JoinAnswer> {
    const { log } = this.#controller;
    const { ip, proof } = call;
    try {
      const answer = await this.#judge(call);
      if ("status" in answer) return answer;
      const agent = pairedNameProblem(proof.hostname) === undefined ? proof.hostname : undefined;
      const { code, why: reason } = answer;
      log({ event: "join-refuse", agent, code, ip, reason, token: proof.token });
      return denial(proof, answer);
    } catch (thrown) {
      const reason = messageOf(thrown);
      log({ event: "join-refuse", code: "local", ip, reason, token: proof.token });
      // Faults of this host are only for its log.
      return denial(proof, { code: "local", why: reason, told: LATER, again: true });
    }
  }

  async #judge(call: JoinCall): Promise<JoinAnswer | JoinRefusal> {
    const { now, store } = this.#controller;
    const { proof, ip } = call;
    const { hostname } = proof;
    const token = await store.joinTokens.find(proof.token);
    if (token === undefined) return UNKNOWN_TOKEN;
    const statement = this.#statement(call, "join");
    if (!isSignedByToken(statement, proof.signature, token.public_key)) {
      return {
        code: "signature",
        why: "the token's key has not signed this",
        told: NOT_ACCEPTED,
      };
    }
    const fromNetwork = await isFrom(token, ip);
    const refusal = refusalOf(token, hostname, fromNetwork, now());
    if (refusal !== undefined) return refusal;
    const problem = pairedNameProblem(hostname);
    if (problem !== undefined) return invalid(problem);
    const ruling = await this.#ruling(call, token);
    if (ruling.kind === "refused") return refusedByRules(ruling.why);
    const csr = judged(proof);
    if (csr instanceof CtrlExecError) return invalid(csr.message);
    await this.#requireRightClock();
    const giveBack = await this.#turns.acquire();
    try {
      return await store.exclusively((writer) => this.#join(writer, call, csr));
    } finally {
      giveBack();
    }
  }

  async #join(
    writer: Writer,
    call: JoinCall,
    { publicKey }: JudgedCsr,
  ): Promise<JoinAnswer | JoinRefusal> {
    const { log, now, store } = this.#controller;
    const { proof, ip, id } = call;
    const { hostname, nonce } = proof;
    const key = new Bun.CryptoHasher("sha256").update(publicKey).digest("hex");
    // Checked again: it may have been revoked while this one waited for its turn.
    const token = await store.joinTokens.find(proof.token);
    if (token === undefined) return UNKNOWN_TOKEN;
    const refusal = refusalOf(token, hostname, true, now());
    if (refusal !== undefined) return refusal;
    const ruling = await this.#ruling(call, token);
    if (ruling.kind === "refused") return refusedByRules(ruling.why);
    const rules = ruling.kind === "allowed" ? ruling.rules : [];
    const known = await store.registry.find(hostname);
    const earlier = await store.joinTokens.useBy(token.id, key);
    const decision = decideJoin(token, {
      used: await store.joinTokens.used(token.id),
      earlier,
      hostname,
      nonce,
      registered: known && { reqid: known.kind === "agent" ? known.record.reqid : "" },
      isSameHost: await this.#isSameHost(call, known),
      mayReplace: ruling.kind === "free" || rules.some(({ replace }) => replace),
    });
    if (decision.kind === "refused") return decision.refusal;
    // If a join is only being completed, the record has them; what an operator has changed since then stays (T77).
    const record = known?.kind === "agent" ? known.record : undefined;
    const isRecorded = record !== undefined && record.reqid === earlier?.reqid;
    const rule = rules.find(({ replace }) => replace || !decision.replaces);
    // Another machine gets no tag of the name that this rule would not let a token give it (T77).
    const isBound = decision.replaces && rule !== undefined;
    const before = isBound ? tagsAllowed(rule, record?.tags) : record?.tags;
    const tags = isRecorded ? record.tags : joinedTags(before, token.tags);
    if (tags instanceof CtrlExecError) return { code: "local", why: tags.message, told: LATER };
    const use = { key, nonce, hostname, ip, reqid: id, at: isoSeconds(now()) };
    // Before it is signed: a crash from here on costs at most this use, and never gives an additional one (T31).
    await writer.putUse(token.id, { ...use, registered: false });
    try {
      if (decision.replaces) await this.#revoke(writer, hostname, known);
      // A host under the name of another one is called anew; the same host as an operator has said.
      const lookupBy = decision.replaces ? undefined : record?.lookup_by;
      const { port, version, tags: claimed } = proof;
      const report = { version, tags: claimed };
      const host = { hostname, ip, port, lookupBy, publicKey, nonce, reqid: id, report };
      const edited = isRecorded ? editedAddress(record, earlier) : {};
      const { answer } = await registerHost(
        this.#controller,
        writer,
        { ...host, ...edited },
        () => tags,
      );
      await writer.putUse(token.id, { ...use, registered: true });
      const { reason } = decision;
      const lost = isBound ? lostTags(record?.tags, tags) : undefined;
      const who = { agent: hostname, ip, reqid: id, token: token.id };
      log({ event: "join", ...who, lost, reason, rule: rule?.rule });
      return answer;
    } catch (thrown) {
      if (!decision.counted) await this.#takeBack(writer, token.id, use);
      throw thrown;
    }
  }

  /** The rules as they are now: they may have changed since the token was made. */
  async #ruling({ proof: { hostname }, ip }: JoinCall, token: StoredToken): Promise<Ruling> {
    return await rulesForHost(this.#controller.config, { hostname, ip }, token);
  }

  /** A join that failed on this host does not count. If this fails too, the use stays, only for the same host. */
  async #takeBack(
    writer: Writer,
    token: string,
    { key, reqid, hostname }: Omit<TokenUse, "registered">,
  ) {
    const { store } = this.#controller;
    const found = await store.registry.find(hostname);
    if (found?.kind === "agent" && found.record.reqid === reqid) return;
    await writer.dropUse(token, key);
  }

  async #revoke(writer: Writer, hostname: string, known: Registered | undefined): Promise<void> {
    const { log, now, store } = this.#controller;
    const issued = await store.certificates.issuedTo(hostname, now());
    const serials = knownSerials(known?.kind === "agent" ? known.record : undefined, issued);
    if (serials.length === 0) return;
    await writer.revoke(serials, `${hostname}, replaced by a join ${isoSeconds(now())}`);
    log({ event: "revoke", agent: hostname, serials });
  }

  async #isSameHost(call: JoinCall, known: Registered | undefined): Promise<boolean> {
    const statement = this.#statement(call, "same-host");
    return await isSameHost(this.#controller, call.proof, statement, this.#credential.ca, known);
  }

  #statement({ proof, value }: JoinCall, purpose: "join" | "same-host"): Buffer {
    const { ca, certificate } = this.#credential;
    const shown = { caFingerprint: ca.fingerprint, certificate: certificate.x509.raw };
    return joinStatement({ ...proof, ...shown, port: proof.port, value }, purpose);
  }

  /** One question to the fleet for all joins that come in the meantime. A failure is not kept. */
  async #requireRightClock(): Promise<void> {
    const now = performance.now();
    if (this.#clockIsRight === undefined || now - this.#clockSeen > CLOCK_MS) {
      this.#clockSeen = now;
      this.#clockIsRight = requireRightClock(this.#controller, "let a host join", false);
      this.#clockIsRight.catch(() => {
        this.#clockIsRight = undefined;
      });
    }
    await this.#clockIsRight;
  }
}

const UNKNOWN_TOKEN: JoinRefusal = {
  code: "unknown-token",
  why: "there is no such token",
  told: NOT_ACCEPTED,
};

function invalid(why: string): JoinRefusal {
  return { code: "invalid", why, told: "invalid request" };
}

const LATER = "the control host cannot let hosts join now";

function denial({ nonce }: JoinProof, { told, again }: JoinRefusal): JoinAnswer {
  return { status: "denied", reason: told, nonce, ...(again === true ? { again } : {}) };
}

/** If a network cannot be read, nobody is let in from it. */
async function isFrom({ from }: StoredToken, ip: string): Promise<boolean> {
  if (from === undefined) return true;
  const networks = from.flatMap((text) => parseAddressPrefix(text) ?? []);
  return (await AddressList.of(networks)).has(ip);
}

/**
 * Of a join that is only being completed: what an operator has changed since then stays. An address that nobody has
 * changed is the one from which the host calls now.
 */
function editedAddress(
  { ip, port }: AgentRecord,
  earlier: TokenUse | undefined,
): Partial<Pick<NewHost, "ip" | "port">> {
  return ip === earlier?.ip ? { port } : { ip, port };
}

function judged({ csr, hostname }: JoinProof): JudgedCsr | CtrlExecError {
  try {
    return judgeCsr(csr, hostname);
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return thrown;
    throw thrown;
  }
}

/** The own tags that went with the former host, for the log; undefined if there are none. */
function lostTags(before: Tags = {}, after: Tags = {}): string[] | undefined {
  const lost = Object.entries(before).filter(([key]) => !Object.hasOwn(after, key));
  return lost.length === 0 ? undefined : lost.map(([key, value]) => `${key}=${tagText(value)}`);
}

/** The tags of the name that stay; those of the token win. */
function joinedTags(before: Tags | undefined, given: Tags = {}): Tags | undefined | CtrlExecError {
  const tags = changedTags(before ?? {}, { set: given, remove: [] });
  if (tags === undefined) return before;
  if (Object.keys(tags).length <= MAX_OWN_TAGS) return tags;
  return new CtrlExecError("bad-request", `the host would have more than ${MAX_OWN_TAGS} tags`);
}
