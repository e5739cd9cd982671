/**
 * `POST /upgrade`, `/upgrade-piece` and `/upgrade-apply`, and `GET /upgrade`: a release's build comes into the agent's
 * inbox and is handed to root's part (docs/PROTOCOL.md, section 10). Nothing is taken that release_key has not signed,
 * and root's part judges it all again.
 */
import { existsSync } from "node:fs";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { buildName } from "../../core/release/platform.ts";
import { VERSION } from "../../core/version.ts";
import { MAX_PIECE_BYTES } from "../../core/wire/limits.ts";
import {
  upgradeApply,
  upgradePiece,
  upgradeRequest,
} from "../../core/wire/messages/upgrade-request.ts";
import { judgeUpgrade } from "../../pki/upgrade.ts";
import { ownPlatform } from "../../system/own-platform.ts";
import { hasRootsPart } from "../state/roots-part.ts";
import { readLastEnd } from "../upgrade/journal.ts";
import { journalOf } from "../upgrade/places.ts";
import { authorize } from "./authorize.ts";
import {
  type AgentContext,
  type AgentReply,
  type AgentRequest,
  type Endpoint,
  refusal,
  requestIdIn,
} from "./endpoint.ts";

/** The same for every request while upgrades are off: what it holds is not looked at. */
const OFF = "upgrades are off: agent.conf has no allow_upgrade = yes with a release_key";

const nobodyTakesIt = ({ upgrade_state }: AgentConfig) =>
  `nothing on this host carries out upgrades: ${upgrade_state} is missing; install.sh --agent sets that up with systemd, OpenRC or procd`;

/** Root's part asks the new program on the agent's own port, and puts the old one back if nobody answers. */
const NO_PORT =
  "upgrades are off: with listen = no, nobody could tell whether the new program answers";

const PIECE_CHARS = Math.ceil(MAX_PIECE_BYTES / 3) * 4;

export const upgradeStatus: Endpoint = whereAllowed(async ({ state: { config }, inbox }) => {
  const body = { status: "ok", version: VERSION, build: buildName(ownPlatform()) };
  return { status: 200, body: { ...body, state: stateOf(), last: readLastEnd(config) } };

  function stateOf(): "idle" | "receiving" | "waiting" | "applying" {
    if (existsSync(journalOf(config))) return "applying";
    if (inbox.isHandedOver) return "waiting";
    return inbox.isReceiving ? "receiving" : "idle";
  }
});

export const upgrade: Endpoint = whereAllowed(async (context, { peerIp, body }, key) => {
  const { state, log, now, running, inbox } = context;
  const asked = readJsonAs(upgradeRequest, body);
  if (asked === undefined) return refusal(400, "invalid JSON");
  const { reqid, sums, signature, version, size, downgrade, username, token } = asked;
  const release = running.takeProcess();
  if (release === undefined) return refusal(503, "busy");
  const decision = await authorize(context, {
    action: "upgrade",
    script: "",
    args: [version],
    username,
    token,
    peerIp,
  }).finally(release);
  if (!decision.allowed) {
    return refuse(context, peerIp, reqid, 403, `not authorised: ${decision.reason}`);
  }
  const judged = judgeUpgrade({
    papers: { sums, signature, version },
    key,
    build: buildName(ownPlatform()),
    from: VERSION,
    downgrade: downgrade && state.config.allow_downgrade,
  });
  if (judged.kind === "refused") return refuse(context, peerIp, reqid, 403, judged.problem);
  if (existsSync(journalOf(state.config))) {
    return refuse(context, peerIp, reqid, 409, "an upgrade is under way");
  }
  const { sha256 } = judged;
  const have = inbox.begin({ reqid, sums, signature, version, size, sha256, downgrade }, now());
  log({ event: "upgrade-begin", peer: peerIp, reqid, user: username, release: version });
  return { status: 200, body: { have } };
});

export const upgradePieceCame: Endpoint = whereAllowed(async ({ inbox }, { body }) => {
  const asked = readJsonAs(upgradePiece, body);
  if (asked === undefined) return refusal(400, "invalid JSON");
  const { reqid, offset, data } = asked;
  const piece = Buffer.from(data, "base64");
  // One way to write it, so that nothing is skipped in it.
  if (data.length > PIECE_CHARS || piece.toString("base64") !== data) {
    return refusal(400, "the piece is not base64, or too long");
  }
  const taken = inbox.take(reqid, offset, piece);
  if (taken.kind === "unknown") return refusal(404, NOT_BEGUN);
  const { kind, have } = taken;
  if (kind === "taken") return { status: 200, body: { have } };
  return { status: 409, body: { error: "the piece does not follow what has come", have } };
});

export const upgradeApplied: Endpoint = whereAllowed(async (context, { peerIp, body }) => {
  const asked = readJsonAs(upgradeApply, body);
  if (asked === undefined) return refusal(400, "invalid JSON");
  const { reqid } = asked;
  const handed = await context.inbox.handOver(reqid);
  switch (handed.kind) {
    case "unknown":
      return refusal(404, NOT_BEGUN);
    case "incomplete":
      return { status: 409, body: { error: "the build is not complete", have: handed.have } };
    case "altered":
      return refuse(context, peerIp, reqid, 409, "the build is not what SHA256SUMS says");
    case "handed":
      context.log({ event: "upgrade-apply", peer: peerIp, reqid });
      return { status: 202, body: { status: "accepted", reqid } };
  }
});

const NOT_BEGUN = "no such upgrade was begun";

type Allowed = (
  context: AgentContext,
  request: AgentRequest,
  releaseKey: Uint8Array,
) => Promise<AgentReply>;

function whereAllowed(answer: Allowed): Endpoint {
  return async (context, request) => {
    const { allow_upgrade, release_key, listen } = context.state.config;
    if (!allow_upgrade || release_key === undefined) return refusal(403, OFF);
    const { config } = context.state;
    if (!hasRootsPart(config)) return refusal(403, nobodyTakesIt(config));
    if (!listen) return refusal(403, NO_PORT);
    try {
      return await answer(context, request, release_key);
    } catch (thrown) {
      if (!(thrown instanceof CtrlExecError)) throw thrown;
      const { code, message } = thrown;
      const reqid = requestIdIn(request.body);
      return refuse(context, request.peerIp, reqid, code === "busy" ? 409 : 503, message);
    }
  };
}

function refuse(
  { log }: AgentContext,
  peer: string,
  reqid: string,
  status: number,
  reason: string,
): AgentReply {
  log({ event: "upgrade-refuse", peer, reason, reqid });
  return refusal(status, reason);
}
