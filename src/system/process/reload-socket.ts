/**
 * The socket through which a service is asked to reload, and says whether it worked: a signal has no answer.
 * Whoever may connect may reload: the folder is the service's own and closed to others.
 */
import { chmodSync } from "node:fs";
import { Deadline } from "../deadline.ts";
import { fileError, removeIfPresent } from "../files/files.ts";

const MAX_ANSWER_BYTES = 65_536;

/** Without a request first, Bun would report a connection that is answered and closed at once as failed. */
const ASK = "reload\n";

/**
 * The client writes a line and reads one.
 *
 * @param answer the answer, short enough for a socket's buffer; it does not throw
 * @returns the listener, which works as long as somebody holds it
 * @throws CtrlExecError `storage` if no socket can be made at the path
 */
export function listenForReload(path: string, answer: () => Promise<string>): { stop(): void } {
  try {
    // A service that ended without closing its socket has left it there.
    removeIfPresent(path);
    const listener = Bun.listen({
      unix: path,
      socket: {
        data: (socket) => void answer().then((text) => socket.end(text)),
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
 * @returns the service's answer; empty if the service ended first
 * @throws the system's error if nobody listens; ETIMEDOUT if no answer came in time
 */
export async function askForReload(path: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let length = 0;
  const socket = await Bun.connect({
    unix: path,
    socket: {
      open: (open) => void open.write(ASK),
      data(open, chunk) {
        chunks.push(Buffer.from(chunk));
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) open.terminate();
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
