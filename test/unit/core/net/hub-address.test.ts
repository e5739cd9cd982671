import { expect, test } from "bun:test";
import { parseHubAddress } from "../../../../src/core/net/hub-address.ts";

const PIN = `sha256:${"0f".repeat(32)}`;

test.each([
  [
    "ctrl-1.example.com",
    { host: "ctrl-1.example.com", port: 7446, pin: undefined, label: "ctrl-1.example.com:7446" },
  ],
  ["ctrl-1:7000", { host: "ctrl-1", port: 7000, pin: undefined, label: "ctrl-1:7000" }],
  [
    `[2001:db8::1]:7000#${PIN}`,
    { host: "2001:db8::1", port: 7000, pin: PIN, label: "[2001:db8::1]:7000" },
  ],
  [`edge #${PIN.toUpperCase()}`, { host: "edge", port: 7446, pin: PIN, label: "edge:7446" }],
])("%s", (text, address) => {
  expect(parseHubAddress(text)).toEqual(address);
});

test.each([
  "",
  "#",
  "a b",
  `edge#${PIN}#${PIN}`,
  "edge#",
  "edge#sha256:00",
  `edge#${PIN}0`,
  "edge:0x1",
  "edge#md5:00",
])("%s is none: a pin that cannot be read is never left out", (text) => {
  expect(parseHubAddress(text)).toBeUndefined();
});
