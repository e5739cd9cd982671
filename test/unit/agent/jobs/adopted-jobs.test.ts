import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { AdoptedJobs } from "../../../../src/agent/jobs/adopted-jobs.ts";
import { JobFolder } from "../../../../src/agent/jobs/job-folder.ts";
import { Holds, OpenJob } from "../../../../src/agent/jobs/open-job.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const job = (name: string) =>
  new OpenJob(
    new JobFolder(`/${name}`),
    { reqid: "", script: "", args: [], username: "", peer_ip: "", asked: "" },
    { holds: new Holds(), damaged: () => undefined },
  );

/** How often each was looked at within so much time. */
function looking() {
  const looks: string[] = [];
  const jobs = new AdoptedJobs(({ name }) => looks.push(name));
  const within = (ms: number) => {
    looks.length = 0;
    jest.advanceTimersByTime(ms);
    const count = (name: string) => looks.filter((one) => one === name).length;
    return [count("read"), count("unread")];
  };
  return { jobs, within };
}

test("one that is read is looked at ten times a second, one that nobody reads once", async () => {
  const { jobs, within } = looking();
  const [read, unread] = [job("read"), job("unread")];
  const events = read.follow({ stdout: 0, stderr: 0 }, new AbortController().signal, false);
  await events.next();
  jobs.add(read);
  jobs.add(unread);
  expect(within(900)).toEqual([9, 0]);
  expect(within(1100)).toEqual([11, 2]);
  await events.return(undefined);
  expect(within(1000)).toEqual([1, 1]);
});

test("nothing is looked at any more once it has ended, or all is closed", () => {
  const { jobs, within } = looking();
  const [one, other] = [job("unread"), job("read")];
  jobs.add(one);
  jobs.add(other);
  jobs.remove(other);
  expect(within(1000)).toEqual([0, 1]);
  jobs.remove(one);
  expect(jest.getTimerCount()).toBe(0);
  jobs.add(one);
  expect(within(1000)).toEqual([0, 1]);
  jobs.close();
  expect(within(5000)).toEqual([0, 0]);
});
