import { expect, test } from "bun:test";
import { JobFolder } from "../../../../src/agent/jobs/job-folder.ts";
import { Holds, OpenJob } from "../../../../src/agent/jobs/open-job.ts";
import { RunningJobs } from "../../../../src/agent/jobs/running-jobs.ts";

const shim = (pid: number) => ({ pid, start: 1, boot: "b" });

function job(name: string, under: number | undefined, bytes: number): OpenJob {
  const request = {
    reqid: `of ${name}`,
    script: name,
    args: [],
    username: "",
    peer_ip: "",
    asked: "",
  };
  const open = new OpenJob(new JobFolder(`/jobs/${name}`), request, {
    holds: new Holds(),
    damaged: () => undefined,
  });
  open.shim = under === undefined ? undefined : shim(under);
  open.grew({ stdout: bytes, stderr: 1 });
  return open;
}

test("those that run are known by their folders and request ids, in the order of their beginning", () => {
  const running = new RunningJobs();
  const [a, b, c] = [job("a", 1, 10), job("b", 2, 20), job("c", undefined, 40)];
  for (const one of [a, b, c]) running.add(one);
  expect([running.size, running.all]).toEqual([3, [a, b, c]]);
  expect(running.facts.map(({ script }) => script)).toEqual(["a", "b", "c"]);
  expect(running.shims).toEqual([shim(1), shim(2)]);
  expect([running.get("b"), running.find("of c"), running.find("of d")]).toEqual([b, c, undefined]);
  // Each has written a byte more, to its other stream.
  expect([running.bytesBeside(shim(1)), running.bytesBeside(shim(3))]).toEqual([62, 73]);
  running.remove(b);
  expect([running.size, running.get("b"), running.find("of b")]).toEqual([2, undefined, undefined]);
});
