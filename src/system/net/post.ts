/**
 * Sends a body to one address, and to no other: no redirect is followed, no proxy from the environment is used, and
 * TLS is verified whatever the environment says (T35). Only the status of the answer is read.
 */
import { type ClientRequest, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { Deadline } from "../deadline.ts";

export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  /** PEM; undefined means the authorities that are generally trusted. */
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
}

/** The answer's status. @throws Error if there is none, in time or at all */
export async function post({ url, headers, body, timeoutMs, ca, signal }: Post): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const options = {
    method: "POST",
    headers: { ...headers, "Content-Length": String(Buffer.byteLength(body)), Connection: "close" },
    agent: false,
  } as const;
  const sent: ClientRequest =
    url.protocol === "https:"
      ? requestTls(url, {
          ...options,
          rejectUnauthorized: true,
          ...(ca === undefined ? {} : { ca }),
        })
      : requestPlain(url, options);
  const stop = (why: string) => {
    reject(new Error(why));
    sent.destroy();
  };
  const onAbort = () => stop("it was interrupted");
  using _late = new Deadline(timeoutMs, () => stop(`no answer within ${timeoutMs / 1000} s`));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  sent.on("response", (response) => {
    resolve(response.statusCode ?? 0);
    response.destroy();
  });
  sent.on("error", reject);
  sent.on("close", () => reject(new Error("the connection was closed")));
  sent.end(body);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    sent.destroy();
  }
}
