/** What is said of a group that cannot be used: to a person here with its file, to a caller elsewhere without. Pure. */
import { CtrlExecError } from "../../core/errors.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";

/** The hint where the fault is in this group alone. */
export const OTHERS = "The other groups can be used.";

const REMOTE_HINT = "The operator of the control host can correct it.";

/** Only what needs this group is refused. @param where the file, or the command @param hint for a person here */
export function unusableGroup(
  name: string,
  where: string,
  why: string,
  hint: string,
): CtrlExecError {
  const group = `Cannot use group ${typedGroup(name)}`;
  return new CtrlExecError("unusable", `${group} of ${where}: ${why}`, {
    hint,
    remoteMessage: `${group}: ${why}`,
    remoteHint: REMOTE_HINT,
  });
}

/** Of a fault that lets nobody use any group of groups.d. @param fault names the file */
export function unusableFiles({ message, hint, cause }: CtrlExecError): CtrlExecError {
  return new CtrlExecError("unusable", message, {
    ...(hint === undefined ? {} : { hint }),
    cause,
    remoteMessage: "Cannot use groups: a file in groups.d has a fault",
    remoteHint: REMOTE_HINT,
  });
}
