/** Where the control host keeps its files (docs/PROTOCOL.md, section 4). */
import { dirname, join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";

/** Files and folders in ca_dir and state_dir, and beside the key. */
export function paths({ ca_dir, state_dir, key }: ControllerConfig) {
  return {
    caKey: join(ca_dir, "ca.key"),
    caCert: join(ca_dir, "ca.crt"),
    agents: join(state_dir, "agents"),
    pairing: join(state_dir, "pairing"),
    /** New: join tokens, without their secrets, and their uses. */
    joinTokens: join(state_dir, "join-tokens"),
    locks: join(state_dir, "locks"),
    runs: join(state_dir, "runs"),
    /** New: rollouts under way. */
    rollouts: join(state_dir, "rollouts"),
    /** New: notices that no receiver has taken yet; can be emptied at any time. */
    notices: join(state_dir, "notices"),
    /** New: built from the records in `runs`; can be deleted at any time. */
    runIndex: join(state_dir, "run-index.sqlite"),
    /** New: what the records in `agents` say; can be deleted at any time. */
    registryCopy: join(state_dir, "registry-copy"),
    /** New: what the hosts have reported; can be deleted at any time, and is learned again. */
    learned: join(state_dir, "learned.sqlite"),
    rotation: join(state_dir, "rotation.json"),
    /** New: one serial on each line, like the agents' own lists. */
    revoked: join(state_dir, "revoked-serials"),
    /** New: a line for every certificate that the CA has signed. */
    issued: join(state_dir, "issued-certificates"),
    /** New: what each host's clock last said. */
    clocks: join(state_dir, "clocks.json"),
    /** New: what group_command last said; can be deleted at any time. */
    groupAnswer: join(state_dir, "groups.json"),
    /** New: what was counted for metrics; can be deleted at any time, and counting begins again. */
    counts: join(state_dir, "counts.json"),
    /** New: credentials other than the one in force, `<serial>.pem`. */
    credentials: join(dirname(key), "credentials"),
    /** New: a copy of the credential in force. */
    inForce: join(dirname(key), "credentials", "in-force.pem"),
  };
}
