import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { systemCode } from "../../../../src/core/errors.ts";
import { askLocally, listenLocally } from "../../../../src/system/process/local-socket.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const sockets = () => openFiles(process.pid).filter((file) => file.startsWith("socket:")).length;

test("who asks gets the answer, each time, and only the service's user may ask", async () => {
  using folder = new TestFolder();
  // What a service that was killed has left.
  const path = folder.write("reload", "");
  let asked = 0;
  const listener = listenLocally(path, async () => {
    asked += 1;
    return `reloaded ${asked}: é`;
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await askLocally(path, "reload", 10_000)).toBe("reloaded 1: é");
  expect(await askLocally(path, "reload", 10_000)).toBe("reloaded 2: é");
  listener.stop();
  await expect(askLocally(path, "reload", 10_000)).rejects.toMatchObject({
    code: expect.any(String),
  });
});

test("who asks is answered once, whatever it says after its line", async () => {
  using folder = new TestFolder();
  const lines: string[] = [];
  const second = Promise.withResolvers<void>();
  const listener = listenLocally(folder.join("reload"), async (line) => {
    lines.push(line);
    await second.promise;
    return "once";
  });
  const heard: string[] = [];
  const closed = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    unix: folder.join("reload"),
    socket: {
      data: (_, bytes) => void heard.push(String(bytes)),
      close: () => closed.resolve(),
    },
  });
  socket.write("one\n");
  await until("it is heard", () => lines.length === 1);
  socket.write("two\n");
  // The service has read that when it has answered another.
  const other = askLocally(folder.join("reload"), "three", 10_000);
  await until("the other is heard", () => lines.includes("three"));
  second.resolve();
  await closed.promise;
  expect([lines, heard, await other]).toEqual([["one", "three"], ["once"], "once"]);
  listener.stop();
});

test("an answer that does not come in time is an error with a code", async () => {
  using folder = new TestFolder();
  const never = new Promise<string>(() => undefined);
  const listener = listenLocally(folder.join("reload"), () => never);
  const before = sockets();
  await expect(askLocally(folder.join("reload"), "reload", 20)).rejects.toMatchObject({
    code: "ETIMEDOUT",
    message: "no answer",
  });
  listener.stop();
  await until("nothing of it is open", () => sockets() < before);
});

test.each([
  [65_536, "ETIMEDOUT"],
  [65_537, "cut off"],
])("an answer of %d bytes that does not end: %s", async (length, outcome) => {
  using folder = new TestFolder();
  const listener = Bun.listen({
    unix: folder.join("reload"),
    socket: { data: (socket) => void socket.write("x".repeat(length)) },
  });
  const asked = askLocally(folder.join("reload"), "reload", outcome === "cut off" ? 20_000 : 100);
  const said = await asked.then(({ length: heard }) => heard === length && "cut off", systemCode);
  expect(said).toBe(outcome);
  listener.stop(true);
});

test.each([
  [1_048_575, "heard"],
  [1_048_576, "cut off"],
])("a line of %d bytes is %s", async (length, outcome) => {
  using folder = new TestFolder();
  const line = "x".repeat(length);
  const listener = listenLocally(folder.join("reload"), async (asked) => {
    return asked === line ? "heard" : "something else";
  });
  const said = await askLocally(folder.join("reload"), line, 20_000).catch(() => "");
  expect(said).toBe(outcome === "heard" ? "heard" : "");
  listener.stop();
});

test("a service that ends before it answers gives an empty answer; one that floods is cut off", async () => {
  using folder = new TestFolder();
  const path = folder.join("reload");
  const listener = Bun.listen({
    unix: path,
    socket: { data: (socket, ask) => void (String(ask) === "reload\n" && socket.end()) },
  });
  expect(await askLocally(path, "reload", 10_000)).toBe("");
  listener.stop(true);
  const flood = Buffer.alloc(2 ** 20);
  const flooding = Bun.listen({
    unix: folder.join("flood"),
    socket: {
      data: (socket) => void socket.write(flood),
      drain: (socket) => void socket.write(flood),
    },
  });
  const answer = await askLocally(folder.join("flood"), "reload", 10_000);
  expect(answer.length).toBeLessThan(2 ** 20);
  flooding.stop(true);
});

test("where no socket can be made the error names it", () => {
  using folder = new TestFolder();
  const path = folder.join("none/reload");
  expect(() => listenLocally(path, async () => "")).toThrow(`Cannot listen on ${path}: `);
});
