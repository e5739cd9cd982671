/** What a request's head says. */
import type { IncomingMessage } from "node:http";

/** The path without its query, which may hold anything; RFC 9112 section 3.2.2 allows a whole URL. */
export function pathOf(url: string): string {
  const [path = ""] = url.replace(/^https?:\/\/[^/?#]*/i, "").split(/[?#]/, 1);
  return path === "" ? "/" : path;
}

/** The names of the parameters of a URL's query, as often as they stand there. */
export function queryNames(url: string): string[] {
  const [, query = ""] = /\?([^#]*)/.exec(url) ?? [];
  return [...new URLSearchParams(query).keys()];
}

/** RFC 9112 section 3.2; HTTP/1.0 need not name it. `headers` would show the first of several only. */
export function namesOneHost({ httpVersion, rawHeaders }: IncomingMessage): boolean {
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  const hosts = names.filter((name) => name.toLowerCase() === "host").length;
  return hosts === 1 || (hosts === 0 && httpVersion !== "1.1");
}

/** The token of the Authorization header; undefined when there is none. */
export function bearerToken(request: IncomingMessage): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(request.headers.authorization ?? "")?.[1];
}
