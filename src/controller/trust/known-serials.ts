/** The serials of a host's certificates, as far as they are recorded here: what is revoked when it loses its name. */
import { readSerialLine, type Serial } from "../../core/serial.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { IssuedTo } from "../store/ports/certificates.ts";

/** Each once. @param record undefined if it is damaged, or the host is not registered */
export function knownSerials(
  record: AgentRecord | undefined,
  { certificates }: IssuedTo,
): readonly Serial[] {
  const noted = readSerialLine(record?.serial ?? "");
  const serials = certificates.map(({ serial }) => serial);
  return [...new Set(noted === undefined ? serials : [...serials, noted])];
}
