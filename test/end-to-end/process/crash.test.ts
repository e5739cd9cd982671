/** T10: kill -9 in the middle of renewal, pairing and registry writes. Rotation has rotation.test.ts. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { editAgent } from "../../../src/controller/inventory/agents.ts";
import { approveRequest } from "../../../src/controller/pairing/desk.ts";
import { listRequests } from "../../../src/controller/pairing/queue.ts";
import { maintainOnce } from "../../../src/controller/upkeep/maintenance.ts";
import { readCertificate } from "../../../src/pki/certificate.ts";
import { publicKeyBytes, readPrivateKey } from "../../../src/pki/keys.ts";
import { expectAnswers } from "../../support/answers.ts";
import { Running } from "../../support/binary.ts";
import { killAtChange } from "../../support/crash.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { ping } from "../../support/local-fleet.ts";
import { makeDue, recordFile, recordOf } from "../../support/records.ts";

const GREET = { scripts: { greet: "echo hello" } };

/** No operation here changes its folders more often; a round ends the loop when there were fewer. */
const MOST_CHANGES = 12;

/** Each test starts and kills programs some dozens of times: seconds, and on a slow machine many of them. */
const MANY_STARTS_MS = 180_000;

/** The folders of the control host that signing, pairing and the registry write to. */
function stateFolders({ folder }: ControlHost): string[] {
  return ["", "agents", "pairing"].map((name) => folder.join("control", "state", name));
}

function controlling(control: ControlHost, ...args: readonly string[]): Running {
  return new Running("ctrl-exec", control.withSetting(args));
}

/** The certificate in the agent's files, which the key beside it fits. */
function certificateOf(agent: TestAgent) {
  const certificate = readCertificate(readFileSync(agent.path("agent.crt"), "utf8"), "agent.crt");
  const key = readPrivateKey(readFileSync(agent.path("agent.key"), "utf8"), "agent.key");
  expect(publicKeyBytes(key)).toEqual(certificate.publicKey);
  return certificate;
}

function caOf({ folder }: ControlHost): string {
  return readFileSync(folder.join("control", "ca.crt"), "utf8");
}

/** As `approve` does; fails if the request is gone. */
async function approve(control: ControlHost, id: string): Promise<void> {
  await approveRequest(await control.controller(), id, { lookupBy: "ip" });
}

/**
 * Runs work on the host, and finishes its renewal if that is not done.
 * @param before the serial of the certificate that was due
 */
async function expectRenewed(
  control: ControlHost,
  agent: TestAgent,
  before: string,
): Promise<void> {
  await expectAnswers(control, [agent.name]);
  // These have told the record when the certificate ends.
  if (certificateOf(agent).serial === before) makeDue(control, agent.name);
  const report = await maintainOnce(await control.controller());
  expect(report).toMatchObject({ busy: false, notRenewed: [], problems: [] });
  expect(recordOf(control, agent.name).serial).toBe(certificateOf(agent).serial);
  const next = await maintainOnce(await control.controller());
  const nothing = {
    ...{ mended: [], confirmed: [], pending: [], stale: [], renewed: [] },
    expiredRequests: 0,
  };
  expect(next).toMatchObject({ busy: false, notRenewed: [], problems: [], ...nothing });
}

test(
  "T10 kill -9 of an agent that takes its renewed certificate: it serves, and the renewal finishes",
  async () => {
    await using control = await ControlHost.create();
    const agent = await control.startAgent("web-01", GREET);
    for (let nth = 1, came = true; came && nth <= MOST_CHANGES; nth++) {
      const before = certificateOf(agent).serial;
      makeDue(control, agent.name);
      came = await killAtChange(
        nth,
        [agent.path("")],
        () => controlling(control, "maintain"),
        () => agent.serving,
      );
      await agent.stop("SIGKILL");
      await agent.serve();
      await expectRenewed(control, agent, before);
      expect(certificateOf(agent).serial).not.toBe(before);
    }
  },
  MANY_STARTS_MS,
);

test(
  "T10 kill -9 of maintain while it renews: the host is reachable, and the next one finishes",
  async () => {
    await using control = await ControlHost.create();
    const agent = await control.startAgent("web-01", GREET);
    const folders = [...stateFolders(control), agent.path("")];
    for (let nth = 1, came = true; came && nth <= MOST_CHANGES; nth++) {
      const before = certificateOf(agent).serial;
      makeDue(control, agent.name);
      came = await killAtChange(nth, folders, () => controlling(control, "maintain"));
      await expectRenewed(control, agent, before);
      expect(certificateOf(agent).serial).not.toBe(before);
    }
  },
  MANY_STARTS_MS,
);

test(
  "T10 kill -9 of request-pairing on a paired agent: it serves under the old identity or the new",
  async () => {
    await using first = await ControlHost.create();
    await using second = await ControlHost.create();
    const agent = await first.startAgent("web-01", GREET);
    await agent.stop();
    let [old, next] = [first, second];
    // It may be killed before it has asked: while it proves that it can store the answer.
    const approveWhatIsAsked = async (asking: Running): Promise<void> => {
      const asked = await asking.outSeen(/^Request id: +([0-9a-f]{16})$/m).catch(() => undefined);
      if (asked?.[1] !== undefined) await approve(next, asked[1]).catch(() => undefined);
    };
    const pairWithNext = async (nth: number): Promise<boolean> => {
      const port = await next.pairingPort();
      let approved: Promise<unknown> = Promise.resolve();
      const came = await killAtChange(nth, [agent.path("")], () => {
        const args = agent.withSetting("request-pairing", agent.pairingArgs(port));
        const asking = new Running("ctrl-exec-agent", args);
        approved = approveWhatIsAsked(asking);
        return asking;
      });
      await approved;
      return came;
    };
    for (let nth = 1, came = true; came && nth <= 3 * MOST_CHANGES; nth += 3) {
      came = await pairWithNext(nth);

      await agent.serve();
      certificateOf(agent);
      const isNew = readFileSync(agent.path("ca.crt"), "utf8") === caOf(next);
      await expectAnswers(isNew ? next : old, [agent.name]);
      await agent.stop();
      await pairWithNext(Number.POSITIVE_INFINITY);
      expect(readFileSync(agent.path("ca.crt"), "utf8")).toBe(caOf(next));
      certificateOf(agent);
      expect(readdirSync(agent.path("")).filter((name) => name.endsWith(".next"))).toEqual([]);
      [old, next] = [next, old];
    }
    await agent.serve();
    await old.mustRun("run", [agent.name, "greet"]);
  },
  MANY_STARTS_MS,
);

test(
  "T10 kill -9 of approve: the request is decided or still there, and the agent gets its answer",
  async () => {
    await using control = await ControlHost.create();
    const agent = await control.addAgent("web-01", GREET);
    const port = await control.pairingPort();
    await agent.pair();
    const folders = stateFolders(control);
    for (let nth = 1, came = true; came && nth <= MOST_CHANGES; nth++) {
      const asking = agent.run("request-pairing", agent.pairingArgs(port));
      const id = await control.requestFor(agent.name);
      came = await killAtChange(nth, folders, () =>
        controlling(control, "approve", id, "--lookup-by=ip"),
      );
      await expectSoundRegistry(control, [agent.name]);
      const waiting = await listRequests(await control.controller());
      // Its answer may be on the way already: then there is nothing left to approve.
      if (waiting.length > 0) await approve(control, id).catch(() => undefined);
      expect((await asking).status).toBe(0);
      expect(await listRequests(await control.controller())).toEqual([]);
      expect(recordOf(control, agent.name)).toMatchObject({ hostname: agent.name, reqid: id });
    }
    await agent.serve();
    await control.mustRun("run", [agent.name, "greet"]);
  },
  MANY_STARTS_MS,
);

/** As list-agents reads it: it knows these and no others, and nothing is said against any file. */
async function expectSoundRegistry(control: ControlHost, names: readonly string[]): Promise<void> {
  const { agents, broken } = await (await control.controller()).store.registry.read();
  expect(broken).toEqual([]);
  const known = [...agents.values()].map(({ hostname }) => hostname);
  expect(known.sort()).toEqual([...names].sort());
  for (const name of names) expect(recordOf(control, name).hostname).toBe(name);
}

test(
  "T10 kill -9 of edit-agent and unpair: every record is whole, and no cut-off write counts as one",
  async () => {
    await using control = await ControlHost.create();
    const agent = await control.addAgent("web-00", GREET);
    await agent.pair();
    const whole = JSON.stringify(recordOf(control, "web-00"));
    const names = ["web-00", "web-01", "web-02", "web-03"];
    // What a write leaves behind that was killed before its rename.
    const cut = ".web-09.json.0123456789ab.tmp";
    control.folder.write(`control/state/agents/${cut}`, whole.replaceAll("web-00", "web-09"));
    control.folder.write(`control/state/agents/${cut.replace("09", "08")}`, whole.slice(0, 40));
    for (let nth = 1; nth <= MOST_CHANGES; nth++) {
      for (const name of names) {
        const copy = whole.replaceAll("web-00", name);
        control.folder.write(`control/state/agents/${name}.json`, copy, 0o640);
      }
      // All at once: the moment of the kill is some other's write as often as its own.
      const folders = stateFolders(control);
      const edits = names.slice(0, 3).map((name) => {
        const args = ["edit-agent", name, "--agent-port", String(7500 + nth)];
        return killAtChange(nth, folders, () => controlling(control, ...args));
      });
      await Promise.all([
        ...edits,
        killAtChange(nth, folders, () => controlling(control, "unpair", "web-03")),
      ]);
      const left = readdirSync(control.folder.join("control", "state", "agents"));
      const records = left.filter((name) => /^web-0\d\.json$/.test(name));
      expect(records).toEqual(expect.arrayContaining(names.slice(0, 3).map((n) => `${n}.json`)));
      await expectSoundRegistry(
        control,
        records.map((name) => name.replace(".json", "")),
      );
      await editAgent(await control.controller(), "web-00", { port: 7499 });
      expect(recordOf(control, "web-00").port).toBe(7499);
    }
  },
  MANY_STARTS_MS,
);

test(
  "T10 kill -9 of unpair --revoke: no host is out of the registry whose certificate still counts",
  async () => {
    await using control = await ControlHost.create();
    const agent = await control.addAgent("web-00", GREET);
    await agent.pair();
    const whole = recordOf(control, "web-00");
    const revoked = () => {
      const file = control.folder.join("control", "state", "revoked-serials");
      return existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    };
    const args = ["web-09", "--revoke"];
    for (let nth = 1, came = true; came && nth <= MOST_CHANGES; nth++) {
      const serial = `4${String(nth).padStart(3, "0")}`;
      const record = { ...whole, hostname: "web-09", serial };
      control.folder.write("control/state/agents/web-09.json", JSON.stringify(record), 0o640);
      came = await killAtChange(nth, stateFolders(control), () =>
        controlling(control, "unpair", ...args),
      );
      if (existsSync(recordFile(control, "web-09"))) await control.mustRun("unpair", args);
      expect(revoked()).toContain(serial);
      await expectSoundRegistry(control, ["web-00"]);
      // A list that a kill had cut would stop every dial: nobody is there to answer this one.
      const [pinged] = await ping(await control.controller(), ["web-00"]);
      expect(pinged?.error).toContain("connection refused");
    }
  },
  MANY_STARTS_MS,
);
