/** T68: what the operator sees when this host's clock is not the agents'. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { FakeAgent, jsonAnswer } from "../../support/fake-agent.ts";
import { ControlHost } from "../../support/fleet.ts";

const NAMES = ["web-01", "web-02", "web-03"];
const TWO_HOURS = 7_200_000;

let control: ControlHost;
const fakes: FakeAgent[] = [];

beforeAll(async () => {
  control = await ControlHost.create();
  for (const name of NAMES) {
    const agent = await control.addAgent(name);
    await agent.pair();
    fakes.push(
      await FakeAgent.start(agent, (socket) => {
        const date = new Date(Date.now() - TWO_HOURS).toUTCString();
        const answer = { status: "ok", host: name, version: "1.0.0", expiry: "" };
        socket.end(jsonAnswer(answer, [`Date: ${date}`, "Connection: close"]));
      }),
    );
  }
});

afterAll(async () => {
  for (const fake of fakes) fake[Symbol.dispose]();
  await control[Symbol.asyncDispose]();
});

const DIFFERENCE = "its clock is (2 hours|1 hour 59 minutes) behind, compared with this host's";
/** The furthest comes first: a second's difference between the three decides their order. */
const LINES = `(web-0\\d: ${DIFFERENCE}\n){${NAMES.length}}`;
const TOLD = new RegExp(
  `^${NAMES.map((name) => `(?=[^]*${name}: )`).join("")}${LINES}Most of these hosts disagree with this control host's clock: look at this one first\\. While most of the agents that it asks do so, this control host signs and rotates nothing; approve, rotate-cert and maintain go on with --force\\.\n$`,
);

test("T68 ping and list-agents name the hosts whose clock differs, and by how much", async () => {
  const { status, out, err } = await control.run("ping", NAMES);
  expect([status, err]).toEqual([0, expect.stringMatching(TOLD)]);
  expect(out).toMatch(/^web-01 +ok /m);
  const { results } = JSON.parse((await control.mustRun("ping", [...NAMES, "--json"])).out);
  for (const { clock_offset } of results) expect(Math.abs(clock_offset + 7200)).toBeLessThan(5);
  const listed = await control.mustRun("list-agents");
  expect(listed.err).toMatch(TOLD);
  const idle = await control.mustRun("maintain");
  expect(idle.out).toBe("Nothing was due.\n");
  expect(idle.err).toMatch(TOLD);
  const [agent] = JSON.parse((await control.mustRun("list-agents", ["--json"])).out);
  expect(Math.abs(agent.clock_offset + 7200)).toBeLessThan(5);
  await control.log.seen("clock-differs");
  const [line] = control.log.of("clock-differs");
  expect(line?.fields).toMatchObject({ AGENT: expect.stringMatching(/^web-0\d$/) });
});

test("T68 rotate-cert, maintain and approve refuse in words; --force goes on", async () => {
  const words = (deed: string) =>
    new RegExp(
      `^ctrl-exec: Cannot ${deed}: the clocks of 3 of the 3 hosts that have answered disagree with this host's \\(web-0\\d is .* behind\\)\nThis host's clock says .* GMT\\. Set this clock, or theirs; --force goes on all the same\\.\n`,
    );
  const rotated = await control.run("rotate-cert");
  expect([rotated.status, rotated.out]).toEqual([1, ""]);
  expect(rotated.err).toMatch(words("rotate this host's certificate"));
  expect((await control.run("rotate-cert", ["--force"])).status).toBe(0);

  const agent = await control.addAgent("new-01");
  const waiting = agent.run("request-pairing", agent.pairingArgs(await control.pairingPort()));
  const id = await control.requestFor("new-01");
  const refused = await control.run("approve", [id]);
  expect(refused.status).toBe(1);
  expect(refused.err).toMatch(words("approve it"));
  await control.mustRun("approve", [id, "--force"]);
  expect((await waiting).status).toBe(0);
});
