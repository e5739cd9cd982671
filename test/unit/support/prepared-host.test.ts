/** What the hosts of end-to-end tests are laid down from is what the product's own functions make. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { ControlHost } from "../../support/fleet.ts";
import { recordOf } from "../../support/records.ts";

const AGENT = { approve: { lookupBy: "ip" } } as const;

async function paired(lines: readonly string[] = []): Promise<ControlHost> {
  const control = await ControlHost.create(lines);
  await (await control.addAgent("web-01", AGENT)).pair();
  return control;
}

/** Every file and folder with its mode; a database's own files come and go. */
function layout({ folder }: ControlHost): string[] {
  const paths = readdirSync(folder.path, { recursive: true }) as string[];
  return paths
    .filter((path) => !/\.sqlite-/.test(path))
    .map((path) => `${(statSync(folder.join(path)).mode & 0o7777).toString(8)} ${path}`)
    .sort();
}

const ca = ({ folder }: ControlHost) => readFileSync(folder.join("control", "ca.crt"), "utf8");
const serialOf = (control: ControlHost) => recordOf(control, "web-01").serial;

test("a host that is laid down has the files, modes and record of one that was set up", async () => {
  // Its set-up depends on this line, so it is made as any control host is.
  await using made = await paired(["cert_days = 365"]);
  {
    await using _first = await paired();
  }
  await using again = await paired();
  expect(layout(again)).toEqual(layout(made));
  const fields = (control: ControlHost) => Object.keys(recordOf(control, "web-01"));
  expect(fields(again)).toEqual(fields(made));
  const issued = (control: ControlHost) =>
    readFileSync(control.folder.join("control", "state", "issued-certificates"), "utf8")
      .split("\n")
      .map((line) => line.split(" ")[2]);
  expect(issued(again)).toEqual(issued(made));
  expect(recordOf(again, "web-01").port).toBe(again.agents[0]?.port);
});

test("two hosts at once have no CA in common, and whoever pairs twice gets another certificate", async () => {
  await using one = await paired();
  await using other = await paired();
  expect(ca(one)).not.toBe(ca(other));
  const before = serialOf(one);
  await one.agents[0]?.pair();
  expect(serialOf(one)).not.toBe(before);
});

test("what a test has put in the CA's place is not kept for the next", async () => {
  let first: unknown;
  {
    await using own = await ControlHost.create();
    await using other = await paired();
    for (const name of ["ca.crt", "ca.key", "ctrl-exec.crt", "ctrl-exec.key"]) {
      const text = readFileSync(other.folder.join("control", name), "utf8");
      own.folder.write(`control/${name}`, text, name.endsWith("key") ? 0o600 : 0o644);
    }
    const agent = await own.addAgent("web-02", AGENT);
    await agent.pair();
    first = readFileSync(agent.path("ca.crt"), "utf8");
  }
  await using a = await ControlHost.create();
  await using b = await ControlHost.create();
  for (const control of [a, b]) {
    const agent = await control.addAgent("web-02", AGENT);
    await agent.pair();
    expect(readFileSync(agent.path("ca.crt"), "utf8")).toBe(ca(control));
  }
  expect(typeof first).toBe("string");
});
