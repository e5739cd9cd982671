/** A registered agent's record: the content of `agents/<hostname>.json` (docs/PROTOCOL.md, section 4). */
import * as z from "zod/mini";
import { CtrlExecError } from "../../core/errors.ts";
import { isRecordOfText } from "../../core/json.ts";
import { isHostName } from "../../core/net/host-name.ts";
import { socketAddress } from "../../core/net/socket-address.ts";
import { SERIAL_STATUSES } from "../../core/rotation.ts";
import type { Tags } from "../../core/tags.ts";
import { readTextIfPresent } from "../../system/files/files.ts";

const text = z.pipe(
  z.nullish(z.string()),
  z.transform((value) => value ?? ""),
);

const agentRecord = z.looseObject({
  hostname: z.string().check(z.refine(isHostName, { error: "expected a host name" })),
  ip: text,
  /** ISO 8601. */
  paired: text,
  /** OpenSSL's text form. */
  expiry: text,
  reqid: text,
  dispatcher_serial: text,
  serial_status: z.catch(z.enum(SERIAL_STATUSES), "unknown"),
  serial_broadcast: text,
  serial_confirmed: text,
  /** New: the agent's own certificate serial, lower hex. */
  serial: text,
  /** New: when its current certificate was made, ISO 8601; empty if that was at pairing. */
  renewed: text,
  /** New: the port on which it serves. */
  port: z.optional(z.int().check(z.gte(1), z.lte(65_535))),
  /** New: what it is called by. */
  lookup_by: z.optional(z.enum(["hostname", "ip"])),
  /**
   * New: the control host's own tags for it. Damaged tags damage the record: without them, what the host claims would
   * win.
   */
  tags: z.optional(z.custom<Tags>(isRecordOfText, { error: "expected an object of texts" })),
});
export type AgentRecord = z.output<typeof agentRecord>;

/** Undefined if the file is gone. @throws CtrlExecError `config` if it cannot be used */
export function readRecord(file: string): AgentRecord | undefined {
  const content = readTextIfPresent(file);
  if (content === undefined) return undefined;
  const parsed = agentRecord.safeParse(parseJson(content, file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CtrlExecError(
    "config",
    `Cannot use ${file}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong shape"}`,
  );
}

function parseJson(content: string, file: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new CtrlExecError("config", `Cannot use ${file}: not JSON`, { cause });
  }
}

/** Where its host is according to the record; undefined if the record has no address. */
export function recordedAddress({ ip, port }: AgentRecord): string | undefined {
  return ip === "" ? undefined : socketAddress(ip, port);
}
