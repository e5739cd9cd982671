/** ClusterShell's own reading of node sets, from Debian's package, as the judge of ours. */

/** Folds and expands each line, as `nodeset -f` and `nodeset -e` do. */
const PROGRAM = `
import json, sys
from ClusterShell.NodeSet import NodeSet
answers = []
for text in json.load(sys.stdin):
    try:
        nodes = NodeSet(text)
        answers.append({"names": list(nodes), "folded": str(nodes)})
    except Exception as problem:
        answers.append({"problem": str(problem)})
json.dump(answers, sys.stdout)
`;

export interface JudgedSet {
  readonly names?: readonly string[];
  readonly folded?: string;
  /** Why it is not a node set. */
  readonly problem?: string;
}

export async function judgedByClusterShell(texts: readonly string[]): Promise<JudgedSet[]> {
  const judge = Bun.spawn(["/usr/bin/python3", "-c", PROGRAM], {
    stdin: new Blob([JSON.stringify(texts)]),
    stdout: "pipe",
    stderr: "inherit",
  });
  const answers = (await new Response(judge.stdout).json()) as JudgedSet[];
  if ((await judge.exited) !== 0) throw new Error("ClusterShell did not judge");
  return answers;
}
