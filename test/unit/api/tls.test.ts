/** The API's own certificate: TLS, plain HTTP, or a refusal to start. */
import { describe, expect, test } from "bun:test";
import { loadApiTls } from "../../../src/api/tls.ts";
import { inOneLine } from "../../../src/core/errors.ts";
import { Authority } from "../../support/authority.ts";
import { EventLog } from "../../support/event-log.ts";
import { TestFolder } from "../../support/folder.ts";
import { localController } from "../../support/local-pairing.ts";

const authority = await Authority.create();
const NO_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
const [pair, other] = [await authority.issue("api"), await authority.issue("other")];

/** What is made of it, with the files `api.crt` and `api.key` where these are given. */
async function loaded(files: Readonly<Record<string, string>>, keys = ["api_cert", "api_key"]) {
  using folder = new TestFolder();
  for (const [name, text] of Object.entries(files)) folder.write(name, text, 0o600);
  const paths: Readonly<Record<string, string>> = { api_cert: "api.crt", api_key: "api.key" };
  const lines = keys.map((key) => `${key} = ${folder.join(paths[key] ?? "")}\n`);
  const { log, events } = new EventLog("ctrl-exec");
  const controller = await localController("/etc/x.conf", lines.join(""));
  try {
    return { context: loadApiTls({ ...controller, log }), events, error: undefined };
  } catch (error) {
    return { context: undefined, events, error };
  }
}

describe("TLS", () => {
  test("with both files", async () => {
    const { context, events } = await loaded({ "api.crt": pair.cert, "api.key": pair.key });
    expect(context).toBeDefined();
    expect(events).toEqual([]);
  });

  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ["one file is missing", { "api.crt": pair.cert }, /api\.key: no such file .* TLS needs both/],
    ["the other one is", { "api.key": pair.key }, /api\.crt: no such file .* TLS needs both/],
    [
      "they do not match",
      { "api.crt": pair.cert, "api.key": other.key },
      /^Cannot use \S+api\.key: it is not the key of \S+api\.crt$/,
    ],
    [
      "a further certificate is none",
      { "api.crt": `${pair.cert}\n${NO_CERTIFICATE}`, "api.key": pair.key },
      /^Cannot use \S+api\.crt: \S/,
    ],
  ])("is refused where %s", async (_, files, message) => {
    const { error } = await loaded(files);
    expect(error).toMatchObject({ code: "config" });
    expect(inOneLine(error)).toMatch(message);
  });

  test.each([
    ["api_cert", "api_cert is set and api_key is not"],
    ["api_key", "api_key is set and api_cert is not"],
  ])("is refused where only %s is set", async (key, problem) => {
    const { error } = await loaded({ "api.crt": pair.cert, "api.key": pair.key }, [key]);
    expect(error).toMatchObject({
      code: "config",
      message: `Cannot use /etc/x.conf: ${problem}`,
      hint: "Set both for TLS, or neither for plain HTTP.",
    });
  });
});

describe("plain HTTP", () => {
  test("where neither is set", async () => {
    expect(await loaded({}, [])).toEqual({ context: undefined, events: [], error: undefined });
  });

  test("with a warning where neither file is there", async () => {
    const { context, events, error } = await loaded({});
    expect([context, error]).toEqual([undefined, undefined]);
    const MSG = expect.stringMatching(/^neither \S+api\.crt nor \S+api\.key is there: plain HTTP$/);
    expect(events).toEqual([
      { level: "warning", action: "config-warn", fields: { KEY: "api_cert", MSG } },
    ]);
  });
});
