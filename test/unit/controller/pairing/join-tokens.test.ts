import { expect, test } from "bun:test";
import { dropOldTokens, listTokens } from "../../../../src/controller/pairing/join-tokens.ts";
import { readJoinToken } from "../../../../src/core/join-token.ts";
import { JoinStage } from "../../../support/join-stage.ts";

const DAMAGED = "0123456789abcdef";
const LATER = "fedcba9876543210";

function idOf(text: string): string {
  const token = readJoinToken(text);
  if (typeof token === "string") throw new Error(token);
  return token.id;
}

test("a token that is damaged, or of a later version, lets nobody join and hides no other", async () => {
  await using stage = await JoinStage.open();
  const { controller, fleet } = stage;
  const old = idOf(await stage.token());
  fleet.passDays(9);
  const text = await stage.token();
  const later = await stage.token();
  const [kept] = (await listTokens(controller)).tokens.filter(({ token }) => {
    return token.id === idOf(later);
  });
  const put = (id: string, content: string) => {
    return fleet.folder.write(`control/state/join-tokens/${id}.json`, content, 0o640);
  };
  const damaged = put(DAMAGED, "x\n");
  put(LATER, JSON.stringify({ ...kept?.token, id: LATER, serials: ["0a"] }));

  const { tokens, broken } = await listTokens(controller);
  expect(tokens.map(({ token }) => token.id).sort()).toEqual([old, idOf(text), idOf(later)].sort());
  expect(broken.map(({ id }) => id)).toEqual([DAMAGED, LATER]);
  expect(broken[0]?.problem).toMatchObject({
    message: `Cannot use ${damaged}: it is not the file of a join token`,
    hint: "If a later version has made it, upgrade this host. Otherwise remove it, and create another token.",
  });

  expect(await dropOldTokens(controller)).toBe(1);
  const left = await listTokens(controller);
  expect([left.tokens.length, left.broken.length]).toEqual([2, 2]);

  expect(await stage.join(text, "web-01")).toMatchObject({ kind: "joined" });
  put(idOf(later), "x\n");
  expect(await stage.join(later, "web-02")).toMatchObject({ kind: "refused" });
  expect(stage.lastRefusal).toContain("it is not the file of a join token");
});
