/**
 * `--background`: one process makes the request, holds the connection and waits; the one that the user started
 * prints the request id and exits. The waiting process holds none of the caller's descriptors, so that `$(...)`
 * returns at once.
 */
import type { Io } from "../command/io.ts";
import { callerVariables } from "../command/lent-rights.ts";

/** @param args the options of request-pairing for the waiting process */
export async function leaveInBackground(io: Io, args: readonly string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, "agent", "request-pairing", ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    cwd: "/",
    env: { ...callerVariables(io.env), PATH: io.env.PATH, HOME: io.env.HOME, LANG: io.env.LANG },
    detached: true,
  });
  const reqid = await firstLine(child.stdout);
  if (reqid !== undefined) {
    io.out(`${reqid}\n`);
    child.unref();
    return 0;
  }
  io.err(await new Response(child.stderr).text());
  return await child.exited;
}

/** The first line of a stream; undefined if it ends without one. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return undefined;
}
