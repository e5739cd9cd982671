/** What a script gets on its standard input (docs/PROTOCOL.md, section 2). */
import { isoSeconds } from "../../core/time.ts";

export interface ScriptContext {
  readonly script: { readonly name: string };
  readonly args: readonly string[];
  readonly reqid: string;
  readonly peerIp: string;
  /** The hub through which it came: `peerIp` is its word. */
  readonly hub?: string | undefined;
  readonly username: string;
  readonly token: string;
}

export function scriptContext(context: ScriptContext, time: Date): string {
  const { script, args, reqid, peerIp, hub, username, token } = context;
  return JSON.stringify({
    script: script.name,
    args,
    reqid,
    peer_ip: peerIp,
    hub,
    username,
    token,
    timestamp: isoSeconds(time),
  });
}
