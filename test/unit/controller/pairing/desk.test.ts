import { expect, test } from "bun:test";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Controller } from "../../../../src/controller/control-host.ts";
import type { Exchanged } from "../../../../src/controller/pairing/code-exchange.ts";
import {
  type ApprovalOptions,
  approveRequest,
  denyRequest,
} from "../../../../src/controller/pairing/desk.ts";
import {
  dropExpiredRequests,
  listRequests,
  submitRequest,
} from "../../../../src/controller/pairing/queue.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { findAgent } from "../../../../src/controller/store/registry.ts";
import { loadCredential } from "../../../../src/controller/trust/credential.ts";
import { isoSeconds, opensslTime } from "../../../../src/core/time.ts";
import { readCertificate } from "../../../../src/pki/certificate.ts";
import { createCsr } from "../../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../../src/pki/keys.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

async function ask(
  fleet: LocalFleet,
  hostname: string,
  ip = "127.0.0.1",
  agree?: () => Promise<Exchanged>,
) {
  const csr = await createCsr(hostname, readPrivateKey(await generateKeyPem("ec"), "the key"));
  const nonce = "0123456789abcdef0123456789abcdef";
  return await submitRequest(fleet.controller, { hostname, csr, nonce }, ip, undefined, agree);
}

async function pending(fleet: LocalFleet, hostname: string, agree?: () => Promise<Exchanged>) {
  const submission = await ask(fleet, hostname, "127.0.0.1", agree);
  if (submission.kind !== "pending") throw new Error(submission.kind);
  return submission.request;
}

/** A code that covers both hosts. */
const CODE = "042137";
const agreed = async (): Promise<Exchanged> => {
  return { kind: "agreed", confirmation: { code: CODE, covers: "both" } };
};

function otherCode(code: string): string {
  return String((Number(code) + 1) % 1_000_000).padStart(6, "0");
}

test("T07 a wrong code denies the request, so that no second one can be tried", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { id, code } = await pending(fleet, "web-01", agreed);
  const wrong = otherCode(code);
  await expect(approveRequest(controller, id, {}, wrong)).rejects.toMatchObject({
    code: "untrusted",
    message: `Cannot approve web-01: ${wrong} is not the code of this request`,
    hint: "The request is denied and gone. Let the host ask again, and compare the codes.",
  });
  expect(await listRequests(controller)).toEqual([]);
  expect(JSON.parse((await controller.store.pairing.takeAnswer(id)) ?? "")).toMatchObject({
    status: "denied",
    reason: "wrong confirmation code",
  });
  await expect(approveRequest(controller, id, {}, code)).rejects.toThrow(
    "no request with that id is waiting",
  );
  expect(findAgent(controller.config, "web-01")).toBeUndefined();
  expect(fleet.log.of("pair-deny")).toHaveLength(1);
});

test("the right code approves", async () => {
  await using fleet = await LocalFleet.create();
  const { id, code } = await pending(fleet, "web-01", agreed);
  expect(code).toBe(CODE);
  const { record } = await approveRequest(fleet.controller, id, {}, code);
  expect(record.hostname).toBe("web-01");
});

test("T07 a code that covers the request alone approves nothing, right or wrong, and denies nothing", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { id, code } = await pending(fleet, "web-01");
  for (const typed of [code, otherCode(code)]) {
    await expect(approveRequest(controller, id, {}, typed)).rejects.toMatchObject({
      code: "untrusted",
      message: "Cannot approve web-01 by its code: it covers the request alone, and can be forged",
      hint: expect.stringContaining("then approve the request without --code."),
    });
  }
  expect(findAgent(controller.config, "web-01")).toBeUndefined();
  expect(await listRequests(controller)).toHaveLength(1);
  await approveRequest(controller, id);
});

test("T07 a request that an earlier version left in the queue has the old kind of code", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { id, code } = await pending(fleet, "web-01", agreed);
  const file = join(controller.config.state_dir, "pairing", `${id}.json`);
  for (const left of [undefined, "everything"]) {
    const request = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...request, code_covers: left }));
    expect(await listRequests(controller)).toMatchObject([{ id, code_covers: "request" }]);
    await expect(approveRequest(controller, id, {}, code)).rejects.toThrow("can be forged");
  }
});

test("T07 a request whose code was not agreed on is not queued", async () => {
  await using fleet = await LocalFleet.create();
  const failed = async () => ({ kind: "failed", why: "no value" }) as const;
  expect(await ask(fleet, "web-01", "127.0.0.1", failed)).toEqual({
    kind: "invalid",
    why: "no value",
  });
  expect(await listRequests(fleet.controller)).toEqual([]);
});

test("T07 the queue is bounded", async () => {
  await using fleet = await LocalFleet.create(["pairing_max_queue = 2"]);
  await pending(fleet, "web-01");
  await pending(fleet, "web-02");
  expect((await ask(fleet, "web-03")).kind).toBe("queue-full");
});

test("T07 one address cannot take the whole queue from the others", async () => {
  await using fleet = await LocalFleet.create(["pairing_max_queue = 4"]);
  const names = async () =>
    (await listRequests(fleet.controller)).map(({ hostname }) => hostname).sort();
  // One host has a whole /64 of IPv6.
  for (let n = 1; n <= 4; n++) await ask(fleet, `evil-${n}`, `2001:db8::${n}`);
  expect((await ask(fleet, "evil-5", "2001:db8::5")).kind).toBe("queue-full");
  expect((await ask(fleet, "web-01", "192.0.2.1")).kind).toBe("pending");
  expect((await ask(fleet, "web-02", "192.0.2.2")).kind).toBe("pending");
  expect((await names()).filter((name) => name.startsWith("web"))).toEqual(["web-01", "web-02"]);
  expect(await names()).toHaveLength(4);
  // The one that gave way is told so, and nobody's share is made smaller than the newcomer's.
  const [evicted] = fleet.log.of("pair-evict");
  expect(evicted?.fields).toMatchObject({ AGENT: "evil-1", IP: "2001:db8::1" });
  const answer =
    (await fleet.controller.store.pairing.takeAnswer(String(evicted?.fields.REQID))) ?? "";
  expect(JSON.parse(answer)).toMatchObject({
    status: "denied",
    reason: "pushed out of the full pairing queue by newer requests",
    nonce: "0123456789abcdef0123456789abcdef",
  });
  expect((await ask(fleet, "web-03", "192.0.2.1")).kind).toBe("queue-full");
});

test("T21 an agent that goes as it is decided upon leaves no answer behind", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  for (const decide of [approveRequest, denyRequest]) {
    const { id } = await pending(fleet, "web-01");
    await decide(controller, id, {});
    await controller.store.pairing.withdraw(id);
    expect(readdirSync(join(controller.config.state_dir, "pairing"))).toEqual([]);
  }
});

test("T07 whoever decides on a request that was pushed out is told so", async () => {
  await using fleet = await LocalFleet.create(["pairing_max_queue = 1"]);
  const { controller } = fleet;
  const { id } = await pending(fleet, "web-01");
  expect(await ask(fleet, "web-02", "192.0.2.1")).toMatchObject({
    kind: "pending",
    pushedOut: { id, hostname: "web-01" },
  });
  for (const decide of [approveRequest, denyRequest]) {
    await expect(decide(controller, id, {})).rejects.toMatchObject({
      code: "not-found",
      message: `Cannot find a pairing request ${id}: newer requests have pushed it out of the full queue`,
      hint: expect.stringContaining("Let the host ask again"),
    });
  }
  await controller.store.pairing.clear();
  await expect(approveRequest(controller, id)).rejects.toThrow(
    "no request with that id is waiting",
  );
  expect(findAgent(controller.config, "web-01")).toBeUndefined();
});

test("T07 a request whose subject is another host, or for the control host's own name, is not queued", async () => {
  await using fleet = await LocalFleet.create();
  const csr = await createCsr("db-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
  const nonce = "0123456789abcdef0123456789abcdef";
  const submit = (hostname: string) =>
    submitRequest(fleet.controller, { hostname, csr, nonce }, "127.0.0.1");
  expect(await submit("web-01")).toMatchObject({
    kind: "invalid",
    why: expect.stringContaining("another host"),
  });
  expect(await ask(fleet, "Ctrl-Exec")).toMatchObject({
    kind: "invalid",
    why: expect.stringContaining("own name"),
  });
  expect(await listRequests(fleet.controller)).toEqual([]);
});

test("T07 what is signed is judged once more: the files of the queue may have changed", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { id } = await pending(fleet, "web-01");
  const file = join(controller.config.state_dir, "pairing", `${id}.json`);
  const request = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...request, hostname: "db-01" }));
  await expect(approveRequest(controller, id)).rejects.toThrow("its subject is another host");
  expect(findAgent(controller.config, "db-01")).toBeUndefined();
});

test("while there is room nobody gives way, however many one address has", async () => {
  await using fleet = await LocalFleet.create(["pairing_max_queue = 5"]);
  for (let n = 1; n <= 4; n++) await ask(fleet, `many-${n}`, "192.0.2.1");
  const asked = await ask(fleet, "web-01", "192.0.2.2");
  expect(asked).toMatchObject({ kind: "pending", pushedOut: undefined });
  expect(await listRequests(fleet.controller)).toHaveLength(5);
});

test("T07 the queue's bound holds when many ask at once", async () => {
  await using fleet = await LocalFleet.create(["pairing_max_queue = 2"]);
  const asked = await Promise.all([1, 2, 3, 4, 5].map((number) => ask(fleet, `web-0${number}`)));
  expect(asked.filter(({ kind }) => kind === "pending")).toHaveLength(2);
  expect(await listRequests(fleet.controller)).toHaveLength(2);
});

test("T07 a newcomer that cannot be stored pushes nobody out", async () => {
  await using fleet = await LocalFleet.create(["pairing_max_queue = 1"]);
  const { controller } = fleet;
  const { id, csr, nonce } = await pending(fleet, "web-01");
  const { store } = controller;
  const exclusively: Controller["store"]["exclusively"] = (task) =>
    store.exclusively((writer) => {
      const addRequest = () => Promise.reject(new Error("no space is left"));
      return task(Object.assign(Object.create(writer), { addRequest }));
    });
  const full = { ...controller, store: { ...store, exclusively } };
  const asked = { hostname: "web-01", csr, nonce };
  await expect(submitRequest(full, asked, "192.0.2.1")).rejects.toThrow("no space");
  expect(await listRequests(controller)).toMatchObject([{ id }]);
  expect(fleet.log.of("pair-evict")).toEqual([]);
});

test("requests that nobody decided on are dropped after ten minutes", async () => {
  await using fleet = await LocalFleet.create();
  const { id } = await pending(fleet, "web-01");
  expect(await dropExpiredRequests(fleet.controller)).toBe(0);
  fleet.passDays(11 / 24 / 60);
  await expect(approveRequest(fleet.controller, id)).rejects.toThrow(
    "no request with that id is waiting",
  );
  expect(await listRequests(fleet.controller)).toEqual([]);
  expect(await dropExpiredRequests(fleet.controller)).toBe(1);
  await expect(approveRequest(fleet.controller, id)).rejects.toThrow(
    "no request with that id is waiting",
  );
});

test("T30 one request approved by two at once is signed once", async () => {
  await using fleet = await LocalFleet.create();
  const { id } = await pending(fleet, "web-01");
  const results = await Promise.allSettled(
    [1, 2, 3].map(() => approveRequest(fleet.controller, id)),
  );
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("T10 a request whose approval was cut off behind the answer is gone with the answer", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { id } = await pending(fleet, "web-01");
  const file = join(controller.config.state_dir, "pairing", `${id}.json`);
  const content = readFileSync(file);
  await approveRequest(controller, id);
  writeFileSync(file, content);
  expect(await listRequests(controller)).toHaveLength(1);
  expect(await controller.store.pairing.takeAnswer(id)).toContain("approved");
  expect(await listRequests(controller)).toEqual([]);
});

test("a copy of a request under another name is not a request of its own", async () => {
  await using fleet = await LocalFleet.create();
  const submission = await ask(fleet, "web-01", "127.0.0.1");
  if (submission.kind !== "pending") throw new Error(submission.kind);
  const { id } = submission.request;
  const folder = fleet.folder.join("control/state/pairing");
  copyFileSync(`${folder}/${id}.json`, `${folder}/0123456789abcdef.json`);
  expect((await listRequests(fleet.controller)).map((request) => request.id)).toEqual([id]);
  await expect(approveRequest(fleet.controller, "0123456789abcdef")).rejects.toThrow("no request");
});

test("what the operator sets at approval counts, otherwise what the request says", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const approve = async (options: ApprovalOptions) => {
    const csr = await createCsr("web-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
    const asked = {
      hostname: "web-01",
      csr,
      nonce: "0123456789abcdef0123456789abcdef",
      port: 7450,
    };
    const submission = await submitRequest(controller, asked, "192.0.2.7");
    if (submission.kind !== "pending") throw new Error(submission.kind);
    return await approveRequest(controller, submission.request.id, options);
  };
  const first = await approve({});
  expect(first.replaced).toBeUndefined();
  expect(first.record).toMatchObject({ ip: "192.0.2.7", port: 7450, serial_broadcast: "" });
  expect(first.record.lookup_by).toBeUndefined();
  const set = { ip: "192.0.2.8", port: 7451, lookupBy: "ip" } as const;
  const second = await approve(set);
  expect(second.replaced).toMatchObject({ kind: "agent", record: { ip: "192.0.2.7" } });
  expect(second.record).toMatchObject({ ip: "192.0.2.8", port: 7451, lookup_by: "ip" });
  expect(fleet.record("web-01")).toEqual(second.record);
  const { REQID, AGENT } = fleet.log.of("pair-approve")[1]?.fields ?? {};
  expect([REQID, AGENT]).toEqual([second.record.reqid, "web-01"]);
});

test("T07 an agent is given its certificate, the CA and this host's serial, and its record says the same", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { config } = controller;
  const request = await pending(fleet, "web-01");
  const { record } = await approveRequest(controller, request.id);
  const answer = JSON.parse((await controller.store.pairing.takeAnswer(request.id)) ?? "");
  const { certificate, ca } = loadCredential(config, fleet.now);
  expect(answer).toEqual({
    status: "approved",
    cert: expect.any(String),
    ca: ca.pem,
    nonce: request.nonce,
    dispatcher_serial: certificate.serial,
  });
  const { serial, notAfter, commonName } = readCertificate(answer.cert, "the certificate");
  expect(commonName).toBe("web-01");
  const paired = isoSeconds(fleet.now);
  expect(record).toEqual({
    hostname: "web-01",
    ip: "127.0.0.1",
    paired,
    expiry: opensslTime(notAfter),
    reqid: request.id,
    dispatcher_serial: certificate.serial,
    serial_status: "current",
    serial_broadcast: "",
    serial_confirmed: paired,
    serial,
    renewed: "",
    port: undefined,
    lookup_by: undefined,
    tags: undefined,
  });
  expect(fleet.log.of("pair-approve").map(({ fields }) => fields)).toEqual([
    { AGENT: "web-01", REQID: request.id },
  ]);
});

test("T06 a host that cannot be registered is given nothing, and its request goes on waiting", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { id } = await pending(fleet, "web-01");
  fleet.folder.write("control/state/agents/web-01.json/in-the-way", "");
  await expect(approveRequest(controller, id)).rejects.toThrow("agents/web-01.json");
  expect(await controller.store.pairing.takeAnswer(id)).toBeUndefined();
  expect(await listRequests(controller)).toMatchObject([{ id }]);
  expect(fleet.log.of("pair-approve")).toEqual([]);
});

test("what is queued is what was asked, and by whom", async () => {
  await using fleet = await LocalFleet.create();
  const csr = await createCsr("Web-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
  fleet.passDays(1);
  const asked = { hostname: "Web-01", csr, nonce: "0123456789abcdef0123456789abcdef", port: 7450 };
  const submission = await submitRequest(fleet.controller, asked, "192.0.2.7", "fedcba9876543210");
  const request = {
    ...asked,
    id: "fedcba9876543210",
    ip: "192.0.2.7",
    received: isoSeconds(fleet.now),
    arrived: fleet.now.getTime(),
    code: expect.stringMatching(/^\d{6}$/),
    code_covers: "request" as const,
  };
  expect(submission).toEqual({ kind: "pending", request, pushedOut: undefined });
  expect(await listRequests(fleet.controller)).toEqual([request]);
});

test("a certificate of this host that is valid from now on is one that an agent may be given", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { notBefore } = loadCredential(controller.config, fleet.now).certificate;
  const at = (ms: number) => ({ ...controller, now: () => new Date(notBefore.getTime() + ms) });
  const csr = await createCsr("web-01", readPrivateKey(await generateKeyPem("ec"), "the key"));
  const asked = { hostname: "web-01", csr, nonce: "0123456789abcdef0123456789abcdef" };
  const submission = await submitRequest(at(0), asked, "127.0.0.1");
  if (submission.kind !== "pending") throw new Error(submission.kind);
  const { id } = submission.request;
  const signed = readFileSync(paths(controller.config).issued, "utf8");
  await expect(approveRequest(at(-1000), id)).rejects.toMatchObject({
    code: "config",
    hint: expect.stringContaining("ctrl-exec maintain"),
  });
  expect(readFileSync(paths(controller.config).issued, "utf8")).toBe(signed);
  expect((await approveRequest(at(0), id)).record.hostname).toBe("web-01");
});

test("a request that is denied is told so, with its own nonce, and logged", async () => {
  await using fleet = await LocalFleet.create();
  const request = await pending(fleet, "web-01");
  expect(await denyRequest(fleet.controller, request.id)).toEqual(request);
  const answer = JSON.parse((await fleet.controller.store.pairing.takeAnswer(request.id)) ?? "");
  const { nonce } = request;
  expect(answer).toEqual({ status: "denied", reason: "rejected by operator", nonce });
  expect(fleet.log.of("pair-deny").map(({ fields }) => fields)).toEqual([
    { AGENT: "web-01", REQID: request.id },
  ]);
});

test("requests wait in the order in which they came, also those of one moment and those of 1.0", async () => {
  await using fleet = await LocalFleet.create();
  const names = async () => (await listRequests(fleet.controller)).map(({ hostname }) => hostname);
  const came: string[] = [];
  for (const name of ["d", "a", "c", "b", "e"]) {
    came.push(`${name}-01`);
    const { id } = await pending(fleet, `${name}-01`);
    expect(await names()).toEqual(came);
    if (name !== "d") continue;
    // 1.0 wrote whole seconds alone.
    const file = join(fleet.controller.config.state_dir, "pairing", `${id}.json`);
    const { arrived: _, ...request } = JSON.parse(readFileSync(file, "utf8"));
    const received = isoSeconds(new Date(fleet.now.getTime() - 1000));
    writeFileSync(file, JSON.stringify({ ...request, received }));
  }
});

test("those of one second of 1.0 have one order, whatever the order of the store", async () => {
  await using fleet = await LocalFleet.create();
  const { store } = fleet.controller;
  const { arrived: _, ...request } = await pending(fleet, "web-01");
  const [first, second] = ["0123456789abcdef", "fedcba9876543210"].map((id) => ({
    ...request,
    id,
  }));
  for (const stored of [
    [first, second],
    [second, first],
  ]) {
    const pairing = Object.assign(Object.create(store.pairing), { requests: async () => stored });
    const found = await listRequests({ ...fleet.controller, store: { ...store, pairing } });
    expect(found.map(({ id }) => id)).toEqual([first?.id ?? "", second?.id ?? ""]);
  }
});

test("a request waits for ten minutes, and not a moment longer; one whose time is not known does not wait", async () => {
  await using fleet = await LocalFleet.create();
  const begin = Math.floor(fleet.now.getTime() / 1000) * 1000;
  const at = (ms: number) => ({ ...fleet.controller, now: () => new Date(begin + ms) });
  const { id } = await pending(fleet, "web-01");
  const found = async (ms: number) =>
    [await listRequests(at(ms)), await dropExpiredRequests(at(ms))] as const;
  expect(await found(600_000)).toMatchObject([[{ id }], 0]);
  expect(await listRequests(at(600_001))).toEqual([]);
  const file = join(fleet.controller.config.state_dir, "pairing", `${id}.json`);
  const request = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...request, received: "soon" }));
  await expect(approveRequest(at(0), id)).rejects.toThrow("no request with that id is waiting");
  expect(await found(0)).toEqual([[], 1]);
});

test("what a host says about itself in its pairing is known from then on", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const report = { version: "1.1.0", tags: { role: "db" } };
  const { id } = await pending(fleet, "db-01", async () => ({ ...(await agreed()), report }));
  expect((await controller.store.learned.known()).size).toBe(0);
  await approveRequest(controller, id);
  const learned = await controller.store.learned.known();
  expect(learned.get("db-01")).toMatchObject({
    version: { value: "1.1.0" },
    tags: { value: { role: "db" } },
  });
});

test("T77 a host that is paired under a name again has its own tags, and not what another one told", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const { learned, registry } = controller.store;
  await approveRequest(controller, (await pending(fleet, "web-01")).id);
  await registry.change((record) => ({ ...record, tags: { env: "test" } }));
  await learned.learn(new Map([["web-01", { version: "1.0", tags: { role: "db" } }]]));
  fleet.passDays(1);
  const { record } = await approveRequest(controller, (await pending(fleet, "WEB-01")).id);
  expect(record.tags).toEqual({ env: "test" });
  expect([...(await learned.known())]).toEqual([
    ["web-01", { contact: fleet.now, version: undefined, tags: undefined }],
  ]);
});
