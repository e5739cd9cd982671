import { hostname } from "node:os";
import { VERSION } from "../../core/version.ts";
import { authorize } from "../authorize.ts";
import type { Endpoint } from "../endpoint.ts";
import { isExecutableScript } from "../script.ts";

/** `GET /capabilities`: the allowlist and the tags. */
export const capabilities: Endpoint = async (context, { peerIp }) => {
  const { state, log } = context;
  const decision = await authorize(context, {
    action: "discovery",
    script: "",
    args: [],
    username: "",
    token: "",
    peerIp,
  });
  if (!decision.allowed) {
    log("warning", "capabilities-deny", { PEER: peerIp, REASON: decision.reason });
    return { status: 403, body: { error: "not authorised" } };
  }
  const scripts = [...state.allowlist.scripts.values()].map(({ name, path }) => ({
    name,
    path,
    executable: isExecutableScript(path),
  }));
  log("info", "capabilities", { PEER: peerIp, SCRIPTS: scripts.length });
  return {
    status: 200,
    body: { status: "ok", host: hostname(), version: VERSION, scripts, tags: state.config.tags },
  };
};
