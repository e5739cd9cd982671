import { expect, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync, readlinkSync, unlinkSync } from "node:fs";
import { DatagramSender } from "../../../../src/system/log/local-datagram.ts";
import { syslogDatagram } from "../../../../src/system/log/syslog-datagram.ts";
import { TestFolder } from "../../../support/folder.ts";
import { DatagramSocket } from "../../../support/log-socket.ts";
import { openFiles } from "../../../support/processes.ts";

const sockets = () => openFiles(process.pid).filter((file) => file.startsWith("socket:")).length;

test("a datagram is sent, waits for nobody, and finds a reader that has come back", () => {
  using folder = new TestFolder();
  const path = folder.join("log");
  const sender = new DatagramSender(path);
  const send = (text: string) => sender.send(Buffer.from(text));
  const before = sockets();
  expect(send("a")).toBe("unreachable");
  {
    using reader = new DatagramSocket(path);
    expect([send("b"), send("c")]).toEqual(["sent", "sent"]);
    expect([reader.next(), reader.next(), reader.next()]).toEqual(["b", "c", undefined]);
    let sent = 0;
    while (send("x") === "sent") sent += 1;
    expect([send("y"), sent > 0]).toEqual(["busy", true]);
  }
  expect(send("d")).toBe("unreachable");
  unlinkSync(path);
  using next = new DatagramSocket(path);
  expect([send("e"), next.next()]).toEqual(["sent", "e"]);
  sender.close();
  sender.close();
  next[Symbol.dispose]();
  expect(sockets()).toBe(before);
});

test("as long as its reader is there, a sender keeps to it, whatever becomes of the name", () => {
  using folder = new TestFolder();
  const path = folder.join("log");
  using reader = new DatagramSocket(path);
  const sender = new DatagramSender(path);
  expect(sender.send(Buffer.from("a"))).toBe("sent");
  unlinkSync(path);
  expect(sender.send(Buffer.from("b"))).toBe("sent");
  expect([reader.next(), reader.next()]).toEqual(["a", "b"]);
  sender.close();
  expect(sender.send(Buffer.from("c"))).toBe("unreachable");
});

test("a socket's name has 107 bytes at most", () => {
  using folder = new TestFolder();
  const path = (length: number) => folder.join("x".repeat(length - folder.path.length - 1));
  using reader = new DatagramSocket(path(107));
  expect(new DatagramSender(path(107)).send(Buffer.from("a"))).toBe("sent");
  expect(reader.next()).toBe("a");
  expect(new DatagramSender(path(108)).send(Buffer.from("a"))).toBe("unreachable");
});

test("a socket without a file is found by all of its name, and no more", () => {
  using folder = new TestFolder();
  const name = `@${folder.path}`;
  using reader = new DatagramSocket(name);
  const sender = new DatagramSender(name);
  expect([sender.send(Buffer.from("a")), reader.next()]).toEqual(["sent", "a"]);
  sender.close();
});

test("its descriptor is not for programs that are started", () => {
  using folder = new TestFolder();
  const path = folder.join("log");
  using _ = new DatagramSocket(path);
  const before = descriptors();
  const sender = new DatagramSender(path);
  sender.send(Buffer.from("a"));
  const opened = [...descriptors()].filter(([descriptor]) => !before.has(descriptor));
  expect(opened.map(([, isClosed]) => isClosed)).toEqual([true]);
  sender.close();
});

/** The sockets of this process, and whether each is closed for a program that is started. */
function descriptors(): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const descriptor of readdirSync("/proc/self/fd")) {
    const link = `/proc/self/fd/${descriptor}`;
    // The descriptor by which this folder was read is closed by now.
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) continue;
    if (!readlinkSync(link).startsWith("socket:")) continue;
    const facts = readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
    const [, flags = ""] = /^flags:\s+(\d+)$/m.exec(facts) ?? [];
    found.set(descriptor, (Number.parseInt(flags, 8) & 0o2000000) !== 0);
  }
  return found;
}

test("a log line has its priority and the local time, as daemons read it", () => {
  const at = (...moment: [number, number, number, number, number, number]) =>
    Buffer.from(syslogDatagram(30, new Date(...moment), "é")).toString();
  expect(at(2026, 10, 3, 9, 5, 0)).toBe("<30>Nov  3 09:05:00 é");
  expect(at(2026, 0, 31, 23, 59, 58)).toBe("<30>Jan 31 23:59:58 é");
});
