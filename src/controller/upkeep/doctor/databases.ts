/** The databases that hold no data of their own: a damaged one is removed, and built or learned again. */
import { existsSync } from "node:fs";
import { type ControllerConfig, configArgument } from "../../../core/config/controller-config.ts";
import { CtrlExecError } from "../../../core/errors.ts";
import {
  type DatabaseName,
  databasePath,
  databaseProblem,
  removeBrokenDatabase,
} from "../../store/database-check.ts";
import { type Finding, looked, passed } from "./finding.ts";

const AGAIN = {
  learned: "what the hosts reported is learned again from their answers",
  "run-index": "list-runs builds it again from the records",
} as const;

export async function databaseFindings(config: ControllerConfig): Promise<Finding[]> {
  const names = ["learned", "run-index"] as const;
  const found = names.map((name) => {
    return looked(databasePath(config, name), () => findingOf(config, name));
  });
  return (await Promise.all(found)).flat();
}

async function findingOf(config: ControllerConfig, name: DatabaseName): Promise<Finding[]> {
  const path = databasePath(config, name);
  try {
    const problem = await databaseProblem(config, name);
    if (problem === undefined) return [passed(path, existsSync(path) ? "whole" : "not made yet")];
    return [
      {
        name: path,
        ok: false,
        detail: problem,
        remedy: `ctrl-exec doctor --fix${configArgument(config.file)}`,
        mend: async () => {
          const removed = await removeBrokenDatabase(config, name);
          return removed ? `removed, since ${problem}: ${AGAIN[name]}` : undefined;
        },
      },
    ];
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError) || thrown.code !== "busy") throw thrown;
    return [passed(path, "in use by another command")];
  }
}
