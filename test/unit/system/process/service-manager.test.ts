import { expect, test } from "bun:test";
import { notifyReady } from "../../../../src/system/process/service-manager.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { DatagramSocket } from "../../../support/log-socket.ts";
import { openFiles } from "../../../support/processes.ts";

const sockets = () => openFiles(process.pid).filter((file) => file.startsWith("socket:")).length;

test("the service manager is told once, over a socket that is closed then, also when it is busy", async () => {
  using folder = new TestFolder();
  using manager = new DatagramSocket(folder.join("notify"));
  const before = sockets();
  notifyReady(folder.join("notify"));
  expect(sockets()).toBe(before);
  expect([manager.next(), manager.next()]).toEqual(["READY=1", undefined]);
  // More than its queue takes.
  const MANY = 40;
  for (let count = 0; count < MANY; count++) notifyReady(folder.join("notify"));
  let told = 0;
  await until("all have told", () => {
    while (manager.next() === "READY=1") told += 1;
    return told === MANY;
  });
  expect(sockets()).toBe(before);
});

test("an abstract socket is one too; where nobody waits nobody is told", () => {
  const name = `@ctrl-exec-test-${process.pid}`;
  using manager = new DatagramSocket(name);
  notifyReady(name);
  expect(manager.next()).toBe("READY=1");
  notifyReady("");
  notifyReady(undefined);
  expect(manager.next()).toBeUndefined();
});
