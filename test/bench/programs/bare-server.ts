/**
 * The smallest possible agent: mTLS, one constant answer. `bare-server <folder> <first> <end> <port> [file]`;
 * with a file, every request runs it first.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hostAddress, hostName } from "../hosts.ts";

const [folder = "", first = "0", end = "0", port = "0", file] = process.argv.slice(2);
const body = '{"script":"true","exit":0,"stdout":"","stderr":"","status":"ok"}';
const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
const closing = `${head}${body.length}\r\nConnection: close\r\n\r\n${body}`;
const keeping = `${head}${body.length}\r\n\r\n${body}`;

const read = (name: string) => readFileSync(join(folder, "agents", name));

for (let index = Number(first); index < Number(end); index++) {
  Bun.listen({
    hostname: hostAddress(index),
    port: Number(port),
    tls: {
      cert: read(`${hostName(index)}.crt`),
      key: read("agent.key"),
      ca: read("ca.crt"),
      requestCert: true,
      rejectUnauthorized: true,
    },
    socket: {
      // A request of the bench comes in one piece.
      async data(socket, request) {
        const close = request.includes("Connection: close");
        if (file !== undefined) {
          await Bun.spawn([file], { stdin: "ignore", stdout: "ignore", stderr: "ignore" }).exited;
        }
        socket.write(close ? closing : keeping);
        if (close) socket.shutdown();
      },
    },
  });
}
console.log("ready");
