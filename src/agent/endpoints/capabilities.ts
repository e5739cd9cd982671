import { hostname } from "node:os";
import { VERSION } from "../../core/version.ts";
import { judgeStart } from "../scripts/run-script.ts";
import { agentTakesSerial } from "../trust/announced-serial.ts";
import { authorize } from "./authorize.ts";
import { type Endpoint, refusal } from "./endpoint.ts";

/** `GET /capabilities`: the allowlist and the tags. `executable` means that a run would start it. */
export const capabilities: Endpoint = async (context, { peerIp }) => {
  const { state, log, running } = context;
  const release = running.takeProcess();
  if (release === undefined) return refusal(503, "busy");
  const asked = {
    action: "discovery",
    script: "",
    args: [],
    username: "",
    token: "",
    peerIp,
  } as const;
  const decision = await authorize(context, asked).finally(release);
  if (!decision.allowed) {
    log({ event: "capabilities-deny", peer: peerIp, reason: decision.reason });
    return refusal(403, "not authorised");
  }
  const scripts = [...state.allowlist.scripts.values()].map((script) => ({
    name: script.name,
    path: script.path,
    executable:
      agentTakesSerial(script.name, script, state.config) ||
      judgeStart(script, state.config).kind === "good",
  }));
  log({ event: "capabilities", peer: peerIp, scripts: scripts.length });
  return {
    status: 200,
    body: { status: "ok", host: hostname(), version: VERSION, scripts, tags: state.config.tags },
  };
};
