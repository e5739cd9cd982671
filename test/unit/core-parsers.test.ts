/** Every parser that reads what others wrote, fed with anything: none throws but its own error. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseAllowlist } from "../../src/agent/scripts/allowlist.ts";
import { parseAgentConfig } from "../../src/core/config/agent-config.ts";
import { readSettings } from "../../src/core/config/conf-syntax.ts";
import { CtrlExecError } from "../../src/core/errors.ts";
import { AddressList, parseAddressPrefix } from "../../src/core/net/address-list.ts";
import { isScriptName } from "../../src/core/script-name.ts";
import { parseRevocations, readSerialLine, readSerials } from "../../src/core/serial.ts";
import { parseByteSize, parseRateLimit } from "../../src/core/units.ts";
import { formatHttpRequest, HttpMessageReader } from "../../src/core/wire/http-message.ts";

/** Text that looks like the format now and then. */
const near = (...pieces: readonly string[]) =>
  fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary", maxLength: 8 })), {
      maxLength: 30,
    })
    .map((parts) => parts.join(""));

/** The result, or undefined when it was refused with an error of ours. */
async function orRefused<Value>(read: () => Value | Promise<Value>): Promise<Value | undefined> {
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return undefined;
    throw thrown;
  }
}

const hex = fc.string({
  unit: fc.constantFrom(..."0123456789abcdef"),
  minLength: 1,
  maxLength: 40,
});

test("configuration text, both spellings", async () => {
  const conf = near(
    "port",
    "=",
    "\n",
    "[",
    "]",
    "#",
    " ",
    "tags",
    "__proto__",
    "10/60/300",
    "\r\n",
  );
  await fc.assert(
    fc.asyncProperty(conf, fc.constantFrom("x.conf", "x.toml"), async (text, file) => {
      const settings = await orRefused(() => readSettings(file, text));
      for (const { line } of settings?.keys.values() ?? []) expect(line).toBeGreaterThan(0);
      await orRefused(() => parseAgentConfig(file, text));
    }),
    { numRuns: 1000 },
  );
});

test("what readSettings took is what stands there", async () => {
  const word = fc.stringMatching(/^[a-z_]{1,8}$/);
  const value = fc.stringMatching(/^[ -~]{0,20}$/).map((text) => text.trim());
  await fc.assert(
    fc.asyncProperty(fc.dictionary(word, value), async (pairs) => {
      const text = Object.entries(pairs).map(([key, text]) => ` ${key}\t= ${text} \r\n# x\n`);
      const { keys } = await readSettings("x.conf", text.join(""));
      expect(Object.fromEntries([...keys].map(([key, entry]) => [key, entry.value]))).toEqual(
        Object.fromEntries(Object.entries(pairs)),
      );
    }),
  );
});

test("allowlists, both spellings: each script has a name, an absolute path and sane options", async () => {
  const text = near(
    "a",
    " = ",
    "/opt/x",
    "\n",
    " timeout=",
    "5",
    " concurrency=1",
    "max_output=",
    "[b]",
    '"',
  );
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom("x.conf", "x.toml"), async (list, file) => {
      const { scripts } = (await orRefused(() => parseAllowlist(file, list))) ?? {
        scripts: new Map(),
      };
      for (const [key, { name, path, options }] of scripts) {
        expect(key).toBe(name);
        expect(isScriptName(name)).toBe(true);
        expect(path).toStartWith("/");
        expect(path).not.toContain("\0");
        for (const number of Object.values(options)) expect(number).toBeGreaterThan(0);
      }
    }),
    { numRuns: 1000 },
  );
});

test("every line of an allowlist is a script or a warning", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(near("a", "b", " = ", "/x", "/")), async (lines) => {
      const kept = lines.map((line) => line.replaceAll(/[\r\n\ufeff]/g, ""));
      const { scripts, warnings } = await parseAllowlist("x.conf", kept.join("\n"));
      const told = kept.filter((line) => line.trim() !== "" && !line.trim().startsWith("#"));
      expect(scripts.size + warnings.length).toBe(told.length);
    }),
  );
});

/** Whole octets, as OpenSSL prints them. */
function inOctets(number: bigint): string {
  const digits = number.toString(16);
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

const OCTETS = /^(00|(?!00)(?:[0-9a-f]{2}){1,20})$/;

test("a serial is the same number in every form", () => {
  fc.assert(
    fc.property(hex, (digits) => {
      const number = BigInt(`0x${digits}`);
      const even = digits.length % 2 === 0 ? digits : `0${digits}`;
      const forms = [
        digits,
        digits.toUpperCase(),
        `0x${digits}`,
        `serial=${digits.toUpperCase()}`,
        even.match(/../g)?.join(":") ?? "",
        number.toString(10),
      ];
      for (const form of forms) expect(readSerials(form)).toContain(inOctets(number));
      expect(readSerialLine(` ${digits}\n`)).toBe(inOctets(number));
    }),
  );
});

test("whatever text stands for a serial, it is read as numbers or not at all", () => {
  fc.assert(
    fc.property(near("0x", "serial=", ":", "de", "12"), (text) => {
      for (const serial of readSerials(text)) expect(serial).toMatch(OCTETS);
      const line = readSerialLine(text);
      if (line !== undefined) expect(line).toMatch(OCTETS);
    }),
    { numRuns: 1000 },
  );
});

test("every line of a revocation list revokes, is empty, a comment, or reported", () => {
  fc.assert(
    fc.property(fc.array(near("ab", "#", " ", ":")), fc.array(hex), (noise, serials) => {
      const lines = [...noise.map((line) => line.replaceAll(/[\r\n]/g, "")), ...serials];
      const read = parseRevocations(lines.join("\n"));
      for (const digits of serials) {
        expect(read.serials.has(inOctets(BigInt(`0x${digits}`)))).toBe(true);
      }
      for (const line of read.badLines) expect(line).toBeLessThanOrEqual(noise.length);
    }),
  );
});

test("an IPv4 prefix has exactly the addresses that share its bits", async () => {
  const number = fc.nat(2 ** 32 - 1);
  const dotted = (value: number) =>
    [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
  await fc.assert(
    fc.asyncProperty(
      number,
      fc.integer({ min: 0, max: 32 }),
      number,
      fc.boolean(),
      async (base, bits, other, near) => {
        // Half of the time an address that differs in the last bits alone.
        const unit = 2 ** (32 - bits);
        const address = near ? Math.floor(base / unit) * unit + (other % unit) : other;
        const prefix = parseAddressPrefix(`${dotted(base)}/${bits}`);
        const inside = Math.floor(base / unit) === Math.floor(address / unit);
        const list = await AddressList.of(prefix === undefined ? [] : [prefix]);
        expect(list.has(dotted(address))).toBe(inside);
        expect(list.has(`::ffff:${dotted(address)}`)).toBe(inside);
      },
    ),
    { numRuns: 2000 },
  );
});

test("whatever text stands for a prefix or an address", async () => {
  await fc.assert(
    fc.asyncProperty(near("10.0.0.1", "/", "8", "::", "ffff:", "%", ":"), async (text) => {
      const prefix = parseAddressPrefix(text);
      (await AddressList.of(prefix === undefined ? [] : [prefix])).has(text);
    }),
    { numRuns: 2000 },
  );
});

test("HTTP heads: a body has no more bytes than there are, and nothing else throws", async () => {
  const head = near(
    "POST /pair HTTP/1.0",
    "HTTP/1.0 200 OK",
    "\r\n",
    "\r\n\r\n",
    "Content-Length: ",
    "Transfer-Encoding: chunked",
    "5",
    "{}",
  );
  await fc.assert(
    fc.asyncProperty(head, async (text) => {
      const buffer = Buffer.from(text, "utf8");
      const messages = new HttpMessageReader(1000);
      messages.take(buffer);
      const message = await orRefused(() => messages.next());
      const { startLine = "", body = "" } = message ?? {};
      const length = startLine.length + Buffer.byteLength(body);
      expect(length).toBeLessThanOrEqual(buffer.length);
    }),
    { numRuns: 2000 },
  );
});

test("an HTTP message is read whole, however it is cut", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(), fc.string(), (body, cut, behind) => {
      const whole = Buffer.from(formatHttpRequest("/pair", "host:7444", body), "utf8");
      const part = whole.subarray(0, cut % whole.length);
      const messages = new HttpMessageReader(10_000);
      messages.take(part);
      expect(messages.next()).toBeUndefined();
      messages.take(Buffer.concat([whole.subarray(part.length), Buffer.from(behind), whole]));
      expect(messages.next()).toEqual({ startLine: "POST /pair HTTP/1.0", body });
      if (behind === "") expect(messages.next()?.body).toBe(body);
    }),
  );
});

test("sizes and limits are numbers within their bounds, or nothing", () => {
  fc.assert(
    fc.property(near("1", "K", "M", "/", "60", "iB"), (text) => {
      const bytes = parseByteSize(text);
      if (bytes !== undefined) expect(bytes > 0 && bytes <= 2 ** 40).toBe(true);
      const limit = parseRateLimit(text);
      for (const part of Object.values(limit ?? {})) expect(part).toBeGreaterThan(0);
    }),
    { numRuns: 1000 },
  );
});
