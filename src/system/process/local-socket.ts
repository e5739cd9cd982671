/**
 * A socket through which another process on this host asks a service something and gets an answer, which a signal
 * cannot give. Anyone who may connect may ask: its folder belongs to the service and is closed to others.
 */
import { chmodSync } from "node:fs";
import { Deadline } from "../deadline.ts";
import { fileError, removeIfPresent } from "../files/files.ts";

/**
 * Characters of a line: a token, as long as an environment variable may be, with each of its bytes escaped in JSON.
 */
const MAX_ASKED = 1_048_576;

const MAX_ANSWER = 65_536;

const isWhole = (asked: Buffer) => asked.at(-1) === 0x0a;

/**
 * The client writes a line and reads one.
 *
 * @param answer to the line, without its line break; short enough for a socket's buffer; it does not throw
 * @returns the listener, which works as long as somebody holds it
 * @throws CtrlExecError `storage` if no socket can be created at the path
 */
export function listenLocally(
  path: string,
  answer: (line: string) => Promise<string>,
): { stop(): void } {
  try {
    // A service that ended without closing its socket has left it there.
    removeIfPresent(path);
    const listener = Bun.listen<{ asked: Buffer }>({
      unix: path,
      socket: {
        open(socket) {
          socket.data = { asked: Buffer.alloc(0) };
        },
        data(socket, chunk) {
          if (isWhole(socket.data.asked)) return;
          const asked = Buffer.concat([socket.data.asked, chunk]);
          socket.data.asked = asked;
          if (asked.length > MAX_ASKED) socket.terminate();
          if (asked.length > MAX_ASKED || !isWhole(asked)) return;
          const line = asked.toString("utf8", 0, asked.length - 1);
          void answer(line).then((told) => socket.end(told));
        },
        error: () => undefined,
      },
    });
    chmodSync(path, 0o600);
    return listener;
  } catch (thrown) {
    throw fileError("storage", "listen on", path, thrown);
  }
}

/**
 * @param line needed, because otherwise Bun would report a connection that is answered and closed at once as failed
 * @returns the service's answer; empty if the service ended first
 * @throws the system's error if nobody listens; ETIMEDOUT if no answer came in time
 */
export async function askLocally(path: string, line: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let length = 0;
  let left = Buffer.from(`${line}\n`);
  let isSending = false;
  const send = (open: { write(bytes: Buffer): number }) => {
    // Bun may call this again from within a write.
    if (isSending || left.length === 0) return;
    isSending = true;
    left = left.subarray(Math.max(0, open.write(left)));
    isSending = false;
  };
  const socket = await Bun.connect({
    unix: path,
    socket: {
      open: send,
      // A long line does not fit the socket's buffer.
      drain: send,
      data(open, chunk) {
        chunks.push(Buffer.from(chunk));
        length += chunk.length;
        if (length > MAX_ANSWER) open.terminate();
      },
      close: () => resolve(Buffer.concat(chunks).toString("utf8")),
      error: (_, thrown) => reject(thrown),
    },
  });
  using _deadline = new Deadline(timeoutMs, () => {
    reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
    socket.terminate();
  });
  return await promise;
}
