/**
 * sudo itself, with the rule of the documents: in a mount namespace whose /etc is a copy, so that nothing of this
 * machine changes. For root alone.
 */
import { appendFileSync } from "node:fs";
import { BINARY, type Finished, runCommand } from "./binary.ts";
import { allBlocks } from "./documents.ts";
import type { ControlHost } from "./fleet.ts";

/** Who may call sudo by the rule, and is in no file of this machine. */
export const OPERATOR = { name: "alice", uid: 12_345, gid: 12_346, group: "operators" } as const;

/** A member of the group that 0.8 let read. */
export const READER = { name: "bob", uid: 12_347, gid: 12_348, group: "ctrl-exec" } as const;

/** The rules that the documents show. */
export function sudoersBlocks() {
  return allBlocks().filter(({ info }) => info === "sudoers");
}

/** Lays the copy of /etc out; the control host's configuration is in it. */
export function prepareEtc({ folder }: ControlHost): void {
  const etc = folder.join("etc");
  Bun.spawnSync(["cp", "-a", "/etc", etc]);
  for (const { name, uid, gid, group } of [OPERATOR, READER]) {
    appendFileSync(`${etc}/passwd`, `${name}:*:${uid}:${gid}::/:/bin/sh\n`);
    appendFileSync(`${etc}/shadow`, `${name}:*:19000:0:99999:7:::\n`);
    appendFileSync(`${etc}/group`, `${group}:x:${gid}:\n`);
  }
  Bun.spawnSync(["mkdir", "-p", `${etc}/ctrl-exec`]);
  // The machine's own rules may let more pass, or less.
  Bun.spawnSync(["rm", "-rf", `${etc}/sudoers.d`, `${etc}/sudoers`]);
  const rules = sudoersBlocks().map(({ text }) => text);
  // A rule of somebody who lets more pass.
  const more = ["edit-agent", "unpair"].map((mode) => `/usr/local/bin/ctrl-exec ${mode} *`);
  rules.push(`${OPERATOR.name} ALL=(root) NOPASSWD: ${more.join(", ")}\n`);
  folder.write("etc/sudoers", `Defaults env_reset\n${rules.join("")}`, 0o440);
}

const SETTING = [
  'mount --bind "$1/etc" /etc; mount --bind "$1/control" /etc/ctrl-exec',
  'mount -t tmpfs none /usr/local/bin; touch /usr/local/bin/ctrl-exec; mount --bind "$2" /usr/local/bin/ctrl-exec',
  'cd /; exec setpriv --reuid="$4" --regid="$5" --clear-groups sh -c "$3"',
].join("; ");

/** A line that one of them types; `sudo -n` asks nothing. */
export async function typed(
  { folder }: ControlHost,
  line: string,
  { uid, gid }: { readonly uid: number; readonly gid: number } = OPERATOR,
): Promise<Finished> {
  const command = ["sh", "-ec", SETTING, "sh", folder.path, BINARY, line, String(uid), String(gid)];
  return await runCommand(["unshare", "--mount", ...command]);
}
