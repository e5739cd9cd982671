/**
 * Reads a file from one address, and from no other: no redirect is followed, no proxy from the environment is used, and
 * TLS is verified whatever the environment says.
 */
import { type ClientRequest, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { formatBytes } from "../../core/units.ts";
import { Deadline } from "../deadline.ts";

/** For the whole file. */
const TIMEOUT_MS = 300_000;

/** @throws Error that says why there is none */
export async function getFile(url: URL, maxBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = { method: "GET", headers: { Connection: "close" }, agent: false } as const;
  const sent: ClientRequest =
    url.protocol === "https:"
      ? requestTls(url, { ...options, rejectUnauthorized: true })
      : requestPlain(url, options);
  const stop = (why: string) => {
    reject(new Error(why));
    sent.destroy();
  };
  using _late = new Deadline(TIMEOUT_MS, () => stop(`no answer within ${TIMEOUT_MS / 1000} s`));
  sent.on("response", (response) => {
    if (response.statusCode !== 200) return stop(`the answer is ${response.statusCode}`);
    const pieces: Buffer[] = [];
    let length = 0;
    response.on("data", (piece: Buffer) => {
      length += piece.length;
      if (length > maxBytes) stop(`it is longer than ${formatBytes(maxBytes)}`);
      else pieces.push(piece);
    });
    response.on("end", () => {
      if (response.complete) resolve(Buffer.concat(pieces));
      else stop("the answer was cut");
    });
    response.on("error", reject);
  });
  sent.on("error", reject);
  sent.end();
  try {
    return await promise;
  } finally {
    sent.destroy();
  }
}
