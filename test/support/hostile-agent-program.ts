/**
 * An agent that answers every request with as many bytes as a test says, generated while they are sent. It is a
 * separate process, so that its work takes none of the test's time.
 *
 * Arguments: folder of agent.crt and agent.key, port, address, beginning, piece, how often, end.
 */
import { readFileSync } from "node:fs";
import { createServer, type TLSSocket } from "node:tls";

const [folder = "", port = "", host = "", start = "", piece = "", count = "", end = ""] =
  process.argv.slice(2);

const AT_ONCE = Math.max(1, Math.floor(65_536 / piece.length));
const block = piece.repeat(AT_ONCE);
const times = Number(count);
const length = Buffer.byteLength(start) + Buffer.byteLength(piece) * times + Buffer.byteLength(end);

async function answer(socket: TLSSocket): Promise<void> {
  const put = async (text: string) => {
    if (socket.destroyed || socket.write(text)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.once("drain", resolve);
    socket.once("close", resolve);
    await promise;
    socket.off("drain", resolve);
    socket.off("close", resolve);
  };
  await put(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${start}`);
  for (let sent = 0; sent < times && !socket.destroyed; sent += AT_ONCE) {
    await put(sent + AT_ONCE <= times ? block : piece.repeat(times - sent));
  }
  await put(end);
  socket.end();
}

const server = createServer({
  cert: readFileSync(`${folder}/agent.crt`),
  key: readFileSync(`${folder}/agent.key`),
});
server.on("secureConnection", (socket) => {
  socket.on("error", () => undefined);
  socket.once("data", () => void answer(socket));
});
server.on("tlsClientError", () => undefined);
// Ends when the test does, however that ends.
process.stdin.on("end", () => process.exit()).resume();
server.listen(Number(port), host, () => console.log("listening"));
