/**
 * The socket by which a service is asked to reload, and says what came of it: a signal brings no answer. Who may
 * connect may reload: the folder is the service's own and closed to others.
 */
import { chmodSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { fileError, removeIfPresent } from "./files.ts";

/** Nobody but the service's own user and root comes here. */
const MAX_CONNECTIONS = 8;

const MAX_ANSWER_BYTES = 65_536;

/**
 * Each connection asks once.
 *
 * @param answer what is written to whoever asked; it does not throw
 * @throws CtrlExecError `storage` when there can be no socket at the path
 */
export async function listenForReload(
  path: string,
  answer: () => Promise<string>,
): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume();
    void answer().then((text) => socket.end(text));
  });
  server.maxConnections = MAX_CONNECTIONS;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  try {
    // One that ended without closing it has left its own.
    removeIfPresent(path);
    server.listen({ path }, resolve);
    await promise;
    chmodSync(path, 0o600);
  } catch (thrown) {
    throw fileError("storage", "listen on", path, thrown);
  }
  server.off("error", reject);
  server.on("error", () => undefined);
  return server;
}

/**
 * @returns what the service answered; empty when it ended before it did
 * @throws the system's error, when nobody listens; ETIMEDOUT when no answer came in time
 */
export async function askForReload(path: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const socket = connect({ path });
  const late = setTimeout(() => {
    socket.destroy();
    reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
  }, timeoutMs);
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > MAX_ANSWER_BYTES) socket.destroy();
  });
  socket.once("error", reject);
  socket.once("close", () => resolve(text));
  return await promise.finally(() => clearTimeout(late));
}
