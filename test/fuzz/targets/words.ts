import { formatLogLine } from "../../../src/core/log-line.ts";
import { AddressList, parseAddressPrefix } from "../../../src/core/net/address-list.ts";
import { callerNetwork, callerSite } from "../../../src/core/net/caller-network.ts";
import {
  canonicalAddress,
  isHostName,
  parseTarget,
  plainAddress,
  sameHostName,
} from "../../../src/core/net/host-name.ts";
import { withoutToken } from "../../../src/core/redact.ts";
import { isRequestId } from "../../../src/core/request-id.ts";
import {
  parseRevocations,
  readSerialLine,
  readSerials,
  serialFromHex,
} from "../../../src/core/serial.ts";
import {
  decodeText,
  forOneLine,
  forTerminal,
  inPieces,
  nearestMatch,
} from "../../../src/core/text.ts";
import { parseOpensslTime } from "../../../src/core/time.ts";
import { parseByteSize, parseRateLimit } from "../../../src/core/units.ts";
import { type Target, textTarget } from "../target.ts";

const LOG_COLUMNS = ["a", "b"].map((field) => ({ field, name: field.toUpperCase() }));

export const WORDS: readonly Target[] = [
  textTarget(
    "host name",
    ["web-01.example.com", "[2001:db8::1%eth0]:7443", "127.0.0.1:1"],
    ["a.", "1.", "-", "::", ":", "[", "]", "%e", "0x7f.", "ffff:"],
    (text) => {
      isHostName(text);
      parseTarget(text);
      canonicalAddress(text);
      plainAddress(text);
      sameHostName(text, "web-01");
      callerNetwork(text);
      callerSite(text);
    },
  ),
  textTarget(
    "address list",
    ["10.0.0.0/8", "2001:db8::/32", "::ffff:10.0.0.1/100"],
    ["10.", "/", "8", "::", "ffff:", "%", "0:"],
    async (text) => {
      const prefix = parseAddressPrefix(text);
      (await AddressList.of(prefix === undefined ? [] : [prefix])).has(text);
    },
  ),
  textTarget(
    "serial",
    ["0x0aff", "serial=0AFF", "0A:FF:01", "3735928559"],
    ["0x", "serial=", "0A:", "0", "9", "f"],
    (text) => {
      readSerials(text);
      readSerialLine(text);
      serialFromHex(text);
    },
  ),
  textTarget(
    "revoked-serials",
    ["# old\n0aff\n\n1:2:3\n"],
    ["0aff\n", "#", "\n", "9".repeat(40), ":"],
    parseRevocations,
  ),
  textTarget(
    "times and sizes",
    ["Jun  7 16:28:00 2027 GMT", "10/60/300", "64 MiB"],
    ["Jun ", " ", "16:", "GMT", "1/", "9", "KiB"],
    (text) => {
      parseOpensslTime(text);
      parseRateLimit(text);
      parseByteSize(text);
      isRequestId(text);
    },
  ),
  textTarget(
    "log line",
    ['a "quoted"\nvalue', "plain"],
    ["\n", '"', "\\", "=", " ", "\u202e", "\x9b", "ACTION="],
    (text) => {
      const line = formatLogLine("x", LOG_COLUMNS, { a: text, b: text.slice(0, 100) });
      if (/[\n\r\0]/.test(line) || line.length > 16_384) throw new Error("not one bounded line");
    },
  ),
  {
    name: "output on a terminal",
    seeds: ["hello\n", "\x1b[31mred\x1b[0m\r\n", Buffer.from("ff00c3a9", "hex")],
    pieces: ["\x1b[", "\x9b", "\r", "\n", "\t", "\u202e", "é"],
    read(input) {
      const { text } = decodeText(input);
      for (const piece of inPieces(text)) forTerminal(piece);
      const line = forOneLine(text);
      if (["\n", "\t", "\x1b"].some((control) => line.includes(control))) {
        throw new Error("not one line");
      }
      withoutToken(text, text.slice(0, 3) || "x");
      nearestMatch(text, ["run", "ping", "list-agents"]);
    },
  },
];
