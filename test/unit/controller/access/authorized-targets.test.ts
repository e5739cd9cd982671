/** T67: before the auth hook has agreed, a caller learns nothing of the registry and reaches no host. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import {
  authorizedTargets,
  everyHost,
  hostOfRun,
} from "../../../../src/controller/access/authorized-targets.ts";
import type { Controller } from "../../../../src/controller/control-host.ts";
import { discoverHosts } from "../../../../src/controller/inventory/discovery.ts";
import { startRun } from "../../../../src/controller/runs/start-run.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { TestFolder } from "../../../support/folder.ts";
import { CALLER, LocalFleet, ping } from "../../../support/local-fleet.ts";

/** Ways to name hosts, to a caller whom the hook lets: each of them asks for each of the hosts. */
const USES: Readonly<
  Record<string, (controller: Controller, hosts: readonly string[]) => Promise<unknown[]>>
> = {
  async run(controller, hosts) {
    const order = { hosts, port: undefined, script: "deploy", args: [] };
    const started = await startRun(controller, CALLER, order, () => undefined);
    return [...(await started.finished).results];
  },
  ping,
  discovery: (controller, hosts) => discoverHosts(controller, CALLER, { hosts, port: undefined }),
};

let folder: TestFolder;
let fleet: LocalFleet;

/** @param verdict the hook's exit status */
async function setUp(verdict: number, lines: readonly string[] = []): Promise<void> {
  const hook = folder.script("hook", `cat >>${folder.join("told")}; exit ${verdict}`);
  fleet = await LocalFleet.create([`auth_hook = ${hook}`, ...lines]);
}

beforeEach(() => {
  folder = new TestFolder();
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

function register(hostname: string, content: object | string): void {
  const text = typeof content === "string" ? content : JSON.stringify({ hostname, ...content });
  fleet.folder.write(`control/state/agents/${hostname}.json`, text);
}

/** The hosts that the hook was told last. */
function told(): unknown {
  const requests = readFileSync(folder.join("told"), "utf8").split(/(?<=\})(?=\{)/);
  return (JSON.parse(requests.at(-1) ?? "") as { hosts: unknown }).hosts;
}

describe.each(Object.entries(USES))("%s", (_, use) => {
  const refusalOf = async (hosts: readonly string[]) => {
    const { code, message, hint } = await use(fleet.controller, hosts).then(
      () => expect.unreachable("it was not refused"),
      asCtrlExecError,
    );
    return { code, message, hint };
  };

  test("T67 says the same to a refused caller, whatever the registry has", async () => {
    await setUp(1, ["verify_agent_identity = strict"]);
    register("web-01", { ip: "10.0.0.5" });
    register("web-02", { ip: "10.0.0.6" });
    register("web-03", { ip: "10.0.0.6" });
    register("broken-01", "{");
    const refusal = await refusalOf(["web-01"]);
    expect(refusal).toEqual({
      code: "denied",
      message: "Denied: denied",
      hint: "The auth hook was asked for user tester, without a token; --token-file gives one, --username another name.",
    });
    for (const hosts of [["web-01", "10.0.0.5"], ["10.0.0.6"], ["broken-01"], ["strange-01"]]) {
      expect(await refusalOf(hosts)).toEqual(refusal);
    }
    rmSync(fleet.folder.join("control/state/agents"), { recursive: true });
    fleet.folder.write("control/state/agents", "not a folder");
    expect(await refusalOf(["web-01"])).toEqual(refusal);
    expect(await refusalOf(["10.0.0.5"])).toEqual(refusal);
  });

  test("T67 says to one whom the hook lets what is wrong", async () => {
    await setUp(0);
    register("web-01", { ip: "10.0.0.5" });
    expect(await refusalOf(["web-01", "10.0.0.5"])).toEqual({
      code: "bad-request",
      message: "10.0.0.5 is given twice (it is web-01)",
      hint: "Leave one of them out: a host is asked once.",
    });
    expect(told()).toEqual(["web-01"]);
    rmSync(fleet.folder.join("control/state/agents"), { recursive: true });
    fleet.folder.write("control/state/agents", "not a folder");
    expect(await refusalOf(["10.0.0.5"])).toMatchObject({ code: "config" });
    expect(told()).toEqual(["10.0.0.5"]);
  });

  test("T67 tells the hook every name behind an address, and calls nobody when there are several", async () => {
    await setUp(0);
    register("web-02", { ip: "127.0.0.1", port: 1 });
    register("web-03", { ip: "127.0.0.1", port: 1 });
    expect(await use(fleet.controller, ["127.0.0.1:1"])).toEqual([
      expect.objectContaining({
        error:
          "Cannot call 127.0.0.1: web-02 and web-03 are registered there. Call the one you mean by its name",
      }),
    ]);
    expect(told()).toEqual(["web-02", "web-03"]);
  });

  test("T67 no spelling of an address goes round the name that the hook knows", async () => {
    await setUp(1);
    register("web-01", { ip: "127.0.0.1" });
    register("web-02", { ip: "fe80::1%eth0" });
    for (const host of [
      "127.0.0.1",
      "[::ffff:127.0.0.1]",
      "::FFFF:7f00:1",
      "0:0:0:0:0:ffff:7f00:1",
    ]) {
      await refusalOf([host]);
      expect([host, told()]).toEqual([host, ["web-01"]]);
    }
    await refusalOf(["[FE80:0::0001%eth0]"]);
    expect(told()).toEqual(["web-02"]);
    for (const host of ["[::ffff:127.0.0.1%lo]", "::1%lo", "0.0.0.0", "[::]", "[::ffff:0.0.0.0]"]) {
      expect(await refusalOf([host])).toMatchObject({ code: "bad-request" });
    }
  });

  test("T67 tells the hook registered names, and one spelling of other addresses", async () => {
    await setUp(1);
    register("Web-01", { ip: "10.0.0.5" });
    register("db-01", { ip: "2001:db8::a", port: 7450 });
    // Somebody's name may be an address.
    register("10.0.0.9", { ip: "10.0.0.9" });
    await refusalOf([
      "10.0.0.5",
      "[2001:DB8:0::000A]:7450",
      "Other-01",
      "2001:DB8::000A",
      "10.0.0.9",
    ]);
    expect(told()).toEqual(["web-01", "db-01", "other-01", "2001:db8::a", "10.0.0.9"]);
  });
});

describe("T67 with verify_agent_identity = strict", () => {
  let server: Server;
  let calls: number;
  let ports: readonly number[];

  beforeEach(async () => {
    calls = 0;
    server = createServer((socket) => {
      calls += 1;
      socket.destroy();
    });
    const listen = async (on: Server) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      on.listen({ port: 0, host: "127.0.0.1" }, resolve);
      await promise;
      const address = on.address();
      return typeof address === "object" && address !== null ? address.port : 0;
    };
    const open = await listen(server);
    const other = createServer();
    const closed = await listen(other);
    await new Promise((resolve) => other.close(resolve));
    ports = [open, closed];
  });
  afterEach(() => void server.close());

  test.each(Object.entries(USES))(
    "%s of a host that is not registered sends nothing, and says the same of every port",
    async (_, use) => {
      await setUp(0, ["verify_agent_identity = strict"]);
      for (const host of ["127.0.0.1", "localhost"]) {
        for (const port of ports) {
          expect(await use(fleet.controller, [`${host}:${port}`])).toEqual([
            expect.objectContaining({
              host,
              error: `Cannot call ${host}: it is not registered, and verify_agent_identity = strict. See: ctrl-exec list-agents --config ${fleet.controller.config.file}`,
            }),
          ]);
        }
      }
      expect(calls).toBe(0);
      // The listener would have noticed.
      const [open] = ports;
      const { config } = fleet.controller;
      const lax = { ...fleet.controller, config: { ...config, verify_agent_identity: "registry" } };
      await use(lax as Controller, [`127.0.0.1:${open}`]);
      expect(calls).toBe(1);
    },
  );
});

test("every registered host is asked for by the names that the hook was told", async () => {
  await setUp(0);
  register("web-01", { ip: "127.0.0.1", port: 1, lookup_by: "ip" });
  register("broken-01", "{");
  const found = await discoverHosts(fleet.controller, CALLER, undefined);
  expect(found.map(({ host }) => host)).toEqual(["broken-01", "web-01"]);
  expect(told()).toEqual(["broken-01", "web-01"]);
  const targets = await everyHost(fleet.controller);
  expect(targets.map(({ problem }) => problem?.code)).toEqual(["config", undefined]);
});

describe("T67 an address whose host has changed while the hook was asked is not called", () => {
  test.each([
    ["moved", 'printf \'{"hostname":"web-01","ip":"10.9.9.9"}\' > "$FILE"'],
    ["been unpaired", 'rm "$FILE"'],
    ["been damaged", 'echo > "$FILE"'],
  ])("it has %s", async (_, change) => {
    fleet = await LocalFleet.bare();
    register("web-01", { ip: "10.0.0.5" });
    register("web-02", { ip: "10.0.0.6" });
    const file = fleet.folder.join("control/state/agents/web-01.json");
    const auth_hook = folder.script("hook", change.replace("$FILE", file));
    const controller = {
      ...fleet.controller,
      config: { ...fleet.controller.config, auth_hook },
    };
    const action = { action: "ping", script: "", args: [] } as const;
    const asked = ["10.0.0.5", "10.0.0.6"].map((name) => ({ name, port: undefined }));
    const [first, second] = await authorizedTargets(controller, CALLER, action, asked);
    expect(first).toMatchObject({
      name: "10.0.0.5",
      record: undefined,
      problem: {
        code: "busy",
        message:
          "Cannot call 10.0.0.5: web-01 was registered there a moment ago, and its record has changed",
        hint: "Try again.",
      },
    });
    expect(second).toMatchObject({ record: { hostname: "web-02" }, problem: undefined });
  });
});

test("T67 where no address is given, nobody is looked for by his", async () => {
  fleet = await LocalFleet.bare();
  register("web-01", { ip: "10.0.0.5" });
  const { controller } = fleet;
  const namesAt = () => Promise.reject(new Error("they were looked for"));
  Object.assign(controller.store.registry, { namesAt });
  const action = { action: "ping", script: "", args: [] } as const;
  const ask = async (name: string) =>
    await authorizedTargets(controller, CALLER, action, [{ name, port: undefined }]);
  expect(await ask("web-01")).toMatchObject([{ record: { hostname: "web-01" } }]);
  await expect(ask("10.0.0.5")).rejects.toThrow("they were looked for");
});

test("a host of a run that was begun is the one that is registered now, at the port of the run", async () => {
  fleet = await LocalFleet.bare();
  register("web-01", { ip: "10.0.0.5", port: 7450 });
  const found = async (label: string, port?: number) => {
    const target = await hostOfRun(fleet.controller, label, port);
    return [target.name, target.label, target.port, target.record?.hostname];
  };
  expect(await found("Web-01")).toEqual(["Web-01", "Web-01", 7450, "web-01"]);
  expect(await found("web-01:7451")).toEqual(["web-01", "web-01:7451", 7451, "web-01"]);
  expect(await found("web-01:7451", 7452)).toEqual(["web-01", "web-01:7451", 7452, "web-01"]);
  expect(await found("10.0.0.5", 7450)).toEqual(["10.0.0.5", "10.0.0.5", 7450, "web-01"]);
  expect(await found("10.0.0.5")).toEqual(["10.0.0.5", "10.0.0.5", 7443, undefined]);
  expect(await found("web-02")).toEqual(["web-02", "web-02", 7443, undefined]);
  await expect(hostOfRun(fleet.controller, "a b", undefined)).rejects.toMatchObject({
    code: "damaged",
    message: 'Cannot call "a b": no host has such a name',
  });
});
