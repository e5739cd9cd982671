/**
 * Runs as a separate program: an agent that keeps connections, so that it can hang up while the test's process
 * is stopped. Of standard input the first line is its credential, as JSON; at the next it ends. Prints its
 * port.
 */
import { createServer } from "node:tls";
import { jsonAnswer } from "./fake-agent.ts";

const lines = console[Symbol.asyncIterator]();
const { cert, key } = JSON.parse((await lines.next()).value ?? "");
const server = createServer({ cert, key }, (socket) => {
  socket.on("error", () => undefined);
  socket.on("data", () => socket.write(jsonAnswer({ ok: true }, ["Keep-Alive: timeout=60"])));
});
server.listen({ port: 0, host: "127.0.0.1" }, () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
await lines.next();
process.exit();
