/**
 * Joining with a token (docs/PROTOCOL.md, section 1): the control host is recognised by its CA before anything is
 * sent to it, and the token's secret never leaves this host (T32).
 */
import { CtrlExecError } from "../../core/errors.ts";
import type { JoinToken } from "../../core/join-token.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { formatHttpRequest } from "../../core/wire/http-message.ts";
import { type JoinFacts, joinStatement } from "../../core/wire/join-statement.ts";
import { joinAnswer, joinChallenge } from "../../core/wire/messages/join.ts";
import { keyFromSeed, signStatement } from "../../pki/join-key.ts";
import { readPrivateKey } from "../../pki/keys.ts";
import type { SelfReport } from "../self-report.ts";
import type { Enrolled } from "../trust/identity-files.ts";
import { checkApproval } from "./approval.ts";
import { type ControlHost, connectTo } from "./control-host.ts";
import { cannotPair, MessageReader, readAs } from "./messages.ts";

const CHALLENGE_MS = 10_000;
/** Many may join at once, and are handled one after the other. */
const ANSWER_MS = 60_000;

export interface JoinOptions {
  readonly controller: string;
  readonly port: number;
  readonly hostname: string;
  /** The port on which this agent serves. */
  readonly servePort: number;
  readonly report: SelfReport;
  readonly token: JoinToken;
  readonly keyPem: string;
  readonly csrPem: string;
  /** 32 hex digits. Key and nonce stay the same when this join is tried again, so that it counts once. */
  readonly nonce: string;
  /** This host's identity, if it has one from the token's CA: with it, a registered name may be taken again. */
  readonly own: { readonly certPem: string; readonly keyPem: string } | undefined;
  now(): Date;
}

export type JoinOutcome =
  | { readonly kind: "joined"; readonly enrolled: Enrolled }
  /** @param again whether the control host would accept it later */
  | { readonly kind: "refused"; readonly reason: string; readonly again: boolean };

/** @throws CtrlExecError `unreachable` if it may work later, another code if the control host is not the right one */
export async function join(options: JoinOptions): Promise<JoinOutcome> {
  const address = formatHostPort(options.controller, options.port);
  const { caFingerprint } = options.token;
  const controlHost = await connectTo({ ...options, caFingerprint }, address);
  try {
    return await exchange(controlHost, options, address);
  } finally {
    controlHost.connection.close();
  }
}

async function exchange(
  { connection, certificate }: ControlHost,
  options: JoinOptions,
  address: string,
): Promise<JoinOutcome> {
  const { token, hostname, nonce, csrPem: csr, servePort: port, own } = options;
  const { caFingerprint } = token;
  const messages = new MessageReader(connection, address);
  const post = (path: string, body: object) => {
    void connection.write(formatHttpRequest(path, address, JSON.stringify(body)));
  };
  post("/join", {});
  const challenge = readAs(joinChallenge, await messages.next(CHALLENGE_MS), address);
  if (challenge === undefined) throw noAnswer(address);
  if (challenge.status === "error") throw takesNone(address);
  const facts: JoinFacts = {
    caFingerprint,
    certificate: certificate.x509.raw,
    token: token.id,
    value: challenge.value,
    hostname,
    nonce,
    port,
    csr,
  };
  const sign = (purpose: "join" | "same-host", key: Parameters<typeof signStatement>[1]) =>
    signStatement(joinStatement(facts, purpose), key);
  post("/join-proof", {
    token: token.id,
    hostname,
    csr,
    nonce,
    port,
    signature: sign("join", keyFromSeed(token.seed)),
    ...options.report,
    ...(own && {
      certificate: own.certPem,
      own_signature: sign("same-host", readPrivateKey(own.keyPem, "this host's key")),
    }),
  });
  const answer = readAs(joinAnswer, await messages.next(ANSWER_MS), address);
  if (answer === undefined) throw noAnswer(address);
  if (answer.status === "error") return { kind: "refused", reason: answer.reason, again: false };
  if (answer.nonce !== undefined && answer.nonce !== nonce) {
    throw cannotPair(address, "its answer is not for this request: another nonce");
  }
  if (answer.status === "denied") {
    return { kind: "refused", reason: answer.reason, again: answer.again === true };
  }
  const wanted = { ...options, caFingerprint };
  return { kind: "joined", enrolled: checkApproval(answer, certificate, wanted, address) };
}

function noAnswer(address: string): CtrlExecError {
  return new CtrlExecError("unreachable", `Cannot pair with ${address}: it does not answer`, {
    hint: "Is it busy? A join that is tried again counts once.",
  });
}

function takesNone(address: string): CtrlExecError {
  return cannotPair(
    address,
    "it does not accept join tokens",
    "Control hosts before 1.1 do not know them. An operator must approve instead: ctrl-exec-agent request-pairing --dispatcher <host>",
  );
}
