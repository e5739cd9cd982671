/** What a process holds at the moment. */
import { readdirSync, readFileSync } from "node:fs";
import { until } from "../support/folder.ts";

export interface Sample {
  readonly descriptors: number;
  readonly children: number;
  readonly threads: number;
  /** MiB. */
  readonly memory: number;
  /** Seconds of CPU so far. */
  readonly cpu: number;
}

export function sample(pid: number): Sample {
  const proc = (file: string) => readFileSync(`/proc/${pid}/${file}`, "utf8");
  const status = (key: string) =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(proc("status"))?.[1]);
  const fields = proc("stat")
    .slice(proc("stat").lastIndexOf(")") + 2)
    .split(" ");
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    children: proc(`task/${pid}/children`)
      .split(" ")
      .filter((child) => child !== "").length,
    threads: status("Threads"),
    memory: Math.round(status("VmRSS") / 1024),
    cpu: (Number(fields[11]) + Number(fields[12])) / 100,
  };
}

/** The agent at rest: what clients left behind is gone. */
export async function atRest(pid: number, start: Sample): Promise<Sample> {
  await until("the agent is at rest", () => {
    const { descriptors, children } = sample(pid);
    return descriptors <= start.descriptors && children <= start.children;
  }).catch(() => undefined);
  return sample(pid);
}
