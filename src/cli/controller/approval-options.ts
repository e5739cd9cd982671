/** The options of `approve` and `edit-agent` for how an agent is dialled. */
import type { ApprovalOptions } from "../../controller/pairing/desk.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { parseTarget } from "../../core/net/host-name.ts";
import { isIp, lacksZone } from "../../core/net/ip-address.ts";
import { numberOption } from "../command/numbers.ts";

interface Given {
  readonly ip: string | undefined;
  readonly "agent-port": string | undefined;
  readonly "lookup-by": string | undefined;
}

/** @throws CtrlExecError `usage` */
export function approvalOptions(given: Given): ApprovalOptions {
  const { ip, "agent-port": port, "lookup-by": lookupBy } = given;
  if (ip !== undefined && (!isIp(ip) || parseTarget(ip) === undefined)) {
    throw new CtrlExecError("usage", `--ip takes an IP address, not "${ip}"`);
  }
  if (ip !== undefined && lacksZone(ip)) {
    throw new CtrlExecError(
      "usage",
      `--ip takes a link-local address with its interface, not "${ip}"`,
      {
        hint: `As in ${ip}%eth0. See: ip link`,
      },
    );
  }
  if (lookupBy !== undefined && lookupBy !== "hostname" && lookupBy !== "ip") {
    throw new CtrlExecError("usage", `--lookup-by takes hostname or ip, not "${lookupBy}"`);
  }
  return {
    ip,
    port: port === undefined ? undefined : numberOption("agent-port", port, 1, 65_535),
    lookupBy,
  };
}
