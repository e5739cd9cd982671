/** A file of a folder such as notify.d: TOML in which anything unknown is an error. Pure. */
import type * as z from "zod/mini";
import { CtrlExecError } from "../errors.ts";
import { parseToml } from "./conf-syntax.ts";
import { meantBy } from "./slips.ts";

/** @param hint where such a file is described @throws CtrlExecError `config` that names the file and the key */
export async function readStrictFile<Shape extends z.ZodMiniObject>(
  shape: Shape,
  hint: string,
  file: string,
  text: string,
): Promise<z.output<Shape>> {
  const parsed = shape.safeParse(await parseToml(file, text));
  if (parsed.success) return parsed.data;
  throw unusableFile(hint, file, problemIn(parsed.error.issues, Object.keys(shape.shape)));
}

function problemIn(issues: readonly z.core.$ZodIssue[], keys: readonly string[]): string {
  const [key] = issues.flatMap((each) => (each.code === "unrecognized_keys" ? each.keys : []));
  if (key !== undefined) return `${JSON.stringify(key)}: unknown key; ${meantBy(key, keys)}`;
  const [issue] = issues;
  return `${String(issue?.path[0])}: ${issue?.message ?? "not what was expected"}`;
}

export function unusableFile(hint: string, file: string, why: string): CtrlExecError {
  return new CtrlExecError("config", `Cannot use ${file}: ${why}`, { hint });
}
