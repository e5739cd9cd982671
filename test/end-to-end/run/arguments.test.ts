/** T11: what is typed behind `--` is what the script gets, byte for byte, or it is refused. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { programPath, runCommand } from "../../support/binary.ts";
import { ControlHost } from "../../support/fleet.ts";

let control: ControlHost;

beforeAll(async () => {
  control = await ControlHost.create();
  await control.startAgent("web-01", {
    scripts: {
      show: "for word; do printf '%s\\0' \"$word\"; done",
      mark: `touch ${control.folder.join("mark")}`,
    },
  });
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

async function arrived(args: readonly string[]): Promise<string[]> {
  const { status, out, err } = await control.run("run", [
    "web-01",
    "show",
    "--json",
    "--",
    ...args,
  ]);
  if (status !== 0) throw new Error(`run ended ${status}: ${err}${out}`);
  const [{ stdout }] = JSON.parse(out).results;
  return stdout.split("\0").slice(0, -1);
}

test.each([
  ["none", []],
  ["an empty one", [""]],
  ["several empty ones", ["", "a", ""]],
  ["spaces", ["a b", "  ", " lead", "trail "]],
  ["quotes", ["it's", '"double"', "`backticks`", "\\", "'"]],
  ["newlines and tabs", ["a\nb", "\n", "\t", "a\r\nb"]],
  [
    "what a shell would do something with",
    ["$HOME", "$(id)", ";ls", "|", "&", "*", "~", "!!", "<x"],
  ],
  ["leading dashes", ["-", "-n", "--force", "-rf"]],
  ["options of our own", ["--help", "--version", "--json", "--config", "-h"]],
  ["a second --", ["--", "a", "--", "--"]],
  ["other scripts than Latin", ["naïve", "日本語", "👩‍👩‍👧", "e\u0301", "\u202eabc", "\ufeffbom"]],
  ["a real replacement character", ["\ufffd", "a\ufffdb"]],
  ["control characters", ["\u0001\u0002\u001b[31m\u007f"]],
  ["100 KiB", ["x".repeat(102_400), "after"]],
  ["a thousand", Array.from({ length: 1000 }, (_, index) => `word ${index}`)],
])("T11 arguments arrive byte for byte: %s", async (_, args) => {
  expect(await arrived(args)).toEqual(args as string[]);
});

/** Only a shell can type bytes that are not UTF-8. */
async function typed(shellWords: string) {
  const args = control.withSetting(["run", "web-01", "mark"]);
  const line = `exec "$@" -- ${shellWords}`;
  return await runCommand(["sh", "-c", line, "sh", programPath("ctrl-exec"), ...args]);
}

test.each([
  ["alone", `"$(printf '\\377')"`, 1],
  ["behind a sound one", `ok "$(printf 'a\\200b')"`, 2],
  ["beside a real replacement character", `"$(printf '\\357\\277\\275')" "$(printf '\\300')"`, 2],
])("T11 an argument that is not UTF-8 is refused, never changed: %s", async (_, words, index) => {
  const { status, err } = await typed(words);
  expect(status).toBe(2);
  expect(err).toStartWith(`ctrl-exec: Cannot send argument ${index}: it is not UTF-8\n`);
  expect(err).toContain("base64");
  expect(existsSync(control.folder.join("mark"))).toBe(false);
});

test("T11 more than 1 MiB together is refused before anything is dialled", async () => {
  const args = Array.from({ length: 11 }, () => "x".repeat(100_000));
  const { status, out, err } = await control.run("run", ["web-01", "mark", "--", ...args]);
  expect(status).toBe(1);
  expect(out).toBe("");
  expect(err).toContain("longer than 1 MiB together");
  expect(existsSync(control.folder.join("mark"))).toBe(false);
  expect(control.log.of("dispatch").filter(({ fields }) => fields.SCRIPT === "mark")).toEqual([]);
});

test("T11 just below 1 MiB arrives", async () => {
  const args = Array.from({ length: 10 }, (_, index) => String(index).repeat(100_000));
  expect(await arrived(args)).toEqual(args);
});
