/**
 * The socket by which a service is asked to reload, and says what came of it: a signal brings no answer. Who may
 * connect may reload: the folder is the service's own and closed to others.
 */
import { chmodSync } from "node:fs";
import { Deadline } from "../deadline.ts";
import { fileError, removeIfPresent } from "../files/files.ts";

const MAX_ANSWER_BYTES = 65_536;

/** Bun takes a connection that is answered and closed before it has seen it open for one that failed. */
const ASK = "reload\n";

/**
 * Whoever asks writes a line, and reads one.
 *
 * @param answer what is written to whoever asked, short enough for a socket's buffer; it does not throw
 * @returns what listens, for as long as somebody holds it
 * @throws CtrlExecError `storage` when there can be no socket at the path
 */
export function listenForReload(path: string, answer: () => Promise<string>): { stop(): void } {
  try {
    // One that ended without closing it has left its own.
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
 * @returns what the service answered; empty when it ended before it did
 * @throws the system's error, when nobody listens; ETIMEDOUT when no answer came in time
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
  const late = new Deadline(timeoutMs, () => {
    reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
    socket.terminate();
  });
  return await promise.finally(() => late.stop());
}
