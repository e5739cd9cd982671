/** Join tokens over HTTP: closed unless somebody has opened them, and then the hook decides. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readJoinToken } from "../../../../src/core/join-token.ts";
import { TestFolder } from "../../../support/folder.ts";
import { LocalApi } from "../../../support/local-api.ts";

const ROUTES = [
  ["POST", "/tokens", {}],
  ["GET", "/tokens", undefined],
  ["POST", "/tokens/0123456789abcdef/revoke", {}],
] as const;

interface Made {
  readonly token: string;
  readonly id: string;
}

interface Listed {
  readonly tokens: readonly object[];
}

const stored = async ({ fleet }: LocalApi) => {
  return (await fleet.controller.store.joinTokens.all()).tokens;
};

test.each([
  ["as it comes", [], "api_admin is not set"],
  ["where everybody may do the rest", ["api_auth_default = allow"], "api_admin is not set"],
  [
    "opened without a hook",
    ["api_admin = yes", "api_auth_default = allow"],
    "api_admin needs an auth_hook",
  ],
])("T25 the API makes, lists and revokes no token %s", async (_, lines, error) => {
  await using api = await LocalApi.start(lines);
  for (const [method, path, body] of ROUTES) {
    const answer = await api.ask(method, path, body);
    const detail = `the request is refused: ${error}`;
    expect([answer.status, answer.json]).toEqual([403, { ok: false, error, detail, code: 1 }]);
  }
  expect(await stored(api)).toEqual([]);
  const denied = api.fleet.log.of("auth").map(({ fields }) => fields.AUTHACTION);
  expect(denied).toEqual(["token-create", "token-list", "token-revoke"]);
});

/** An API whose hook notes each question, and says no to an action whose name is in the file `no`. */
async function opened(folder: TestFolder) {
  const hook = folder.script(
    "hook",
    `printf '%s %s\\n' "$ENVEXEC_ACTION" "$ENVEXEC_ARGS_JSON" >> ${folder.join("asked")}
     ! grep -qx "$ENVEXEC_ACTION" ${folder.join("no")} 2>/dev/null`,
  );
  return await LocalApi.start([`auth_hook = ${hook}`, "api_admin = yes"]);
}

test("T32 a token is reported once, by the answer that makes it, and by nothing else", async () => {
  using folder = new TestFolder();
  await using api = await opened(folder);
  const wish = { ttl: 600, uses: 3, name: "Web-*", tags: { role: "web" }, from: ["10.0.0.0/8"] };
  const made = await api.post("/tokens", { ...wish, replace: true, username: "alice" });
  expect(made.status).toBe(200);
  const { token, ...rest } = made.json as Made;
  const read = readJoinToken(token);
  const bounds = { uses: 3, name: "web-*", tags: { role: "web" }, from: ["10.0.0.0/8"] };
  expect(rest).toMatchObject({ ok: true, ...bounds, replace: true });
  expect(read).toMatchObject({ id: rest.id });
  const listed = await api.get("/tokens");
  expect((listed.json as Listed).tokens).toMatchObject([
    { id: rest.id, ...bounds, used: 0, state: "open" },
  ]);
  const revoked = await api.post(`/tokens/${rest.id}/revoke`, { username: "alice" });
  expect(revoked.json).toMatchObject({ ok: true, id: rest.id, revoked: expect.any(String) });
  expect(((await api.get("/tokens")).json as Listed).tokens).toMatchObject([{ state: "revoked" }]);
  const asked = readFileSync(folder.join("asked"), "utf8");
  expect(asked.split("\n")[0]).toBe(
    'token-create ["ttl=600","uses=3","name=Web-*","from=10.0.0.0/8","tag=role=web","replace"]',
  );
  expect(asked).toContain(`token-revoke ["${rest.id}"]\n`);
  const secret = token.slice(60, 100);
  for (const text of [listed.text, revoked.text, asked, JSON.stringify(api.fleet.log.events)]) {
    expect(text).not.toContain(secret);
  }
  expect(api.fleet.log.of("token-create")).toMatchObject([{ fields: { USER: "alice" } }]);
});

test("T25 what the hook refuses is not done, and not told", async () => {
  using folder = new TestFolder();
  await using api = await opened(folder);
  const { id } = (await api.post("/tokens", {})).json as Made;
  folder.write("no", "token-create\ntoken-list\ntoken-revoke\n");
  for (const [method, path, body] of ROUTES) {
    const own = path.replace("0123456789abcdef", id);
    expect((await api.ask(method, own, body)).json).toEqual({
      ok: false,
      error: "denied",
      detail: "the request is refused",
      code: 1,
    });
  }
  expect(await stored(api)).toMatchObject([{ id }]);
  expect((await stored(api))[0]?.revoked).toBeUndefined();
});

test("a wish that cannot be had is refused, and so is a token that is not there", async () => {
  using folder = new TestFolder();
  await using api = await opened(folder);
  for (const wish of [
    { ttl: 0 },
    { uses: 10_001 },
    { name: "web-[1]" },
    { from: ["10.0.0.0/8", "everywhere"] },
    { from: [] },
    { tags: { "a b": "c" } },
    { tags: { role: "" } },
    { name: 7 },
    { user: "alice" },
  ]) {
    expect((await api.post("/tokens", wish)).status, JSON.stringify(wish)).toBe(400);
  }
  expect(await stored(api)).toEqual([]);
  expect(JSON.stringify((await api.post("/tokens", { from: [] })).json)).toContain("from");
  for (const id of ["0123456789abcdef", "..%2f..%2fagents"]) {
    expect((await api.post(`/tokens/${id}/revoke`, {})).status).toBe(404);
  }
});

test("a token whose file is damaged is named beside the others", async () => {
  using folder = new TestFolder();
  await using api = await opened(folder);
  const { id } = (await api.post("/tokens", {})).json as Made;
  api.fleet.folder.write("control/state/join-tokens/0123456789abcdef.json", "x\n");
  const listed = await api.get("/tokens");
  expect([listed.status, listed.json]).toEqual([
    200,
    { ok: true, tokens: [expect.objectContaining({ id })], unreadable: ["0123456789abcdef"] },
  ]);
});

test("T25 T31 what no rule of join.d allows is refused, to whom the hook lets ask, with the rules' names alone", async () => {
  using folder = new TestFolder();
  await using api = await opened(folder);
  const text = 'names = ["web-*"]\ntags = { role = ["secret-*"] }';
  const file = api.fleet.folder.write("control/join.d/web.toml", text);
  const made = await api.post("/tokens", { name: "web-*", username: "alice" });
  expect([made.status, made.json]).toEqual([200, expect.objectContaining({ rules: ["web"] })]);
  const refused = await api.post("/tokens", { name: "db-*", username: "alice" });
  expect([refused.status, refused.json]).toEqual([
    403,
    {
      ...{ ok: false, error: "no rule of join.d allows such a token: web: other names", code: 3 },
      detail: "the request is refused: no rule of join.d allows such a token: web: other names",
    },
  ]);
  expect(refused.text).not.toContain("secret");
  expect(await stored(api)).toHaveLength(1);
  expect(api.fleet.log.of("token-refuse")).toMatchObject([{ fields: { USER: "alice" } }]);
  api.fleet.folder.write("control/join.d/web.toml", "[");
  const broken = await api.post("/tokens", {});
  expect([broken.status, await stored(api)]).toEqual([500, [expect.anything()]]);
  expect(JSON.stringify(api.fleet.log.events)).toContain(file);
  // Whom the hook refuses is told nothing of them.
  folder.write("no", "token-create\n");
  const denied = await api.post("/tokens", { name: "db-*" });
  expect([denied.status, denied.text.includes("rule")]).toEqual([403, false]);
});
