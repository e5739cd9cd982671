/** Reads a request's head. */
import type { IncomingMessage } from "node:http";
import { decodeText } from "../core/text.ts";
import { badRequest } from "./answer.ts";

/** The path without its query, which may contain anything; RFC 9112 section 3.2.2 allows a full URL. */
export function pathOf(url: string): string {
  const [path = ""] = url.replace(/^https?:\/\/[^/?#]*/i, "").split(/[?#]/, 1);
  return path === "" ? "/" : path;
}

/** The names of the parameters in a URL's query, repeated if they are. */
export function queryNames(url: string): string[] {
  const [, query = ""] = /\?([^#]*)/.exec(url) ?? [];
  return [...new URLSearchParams(query).keys()];
}

/** The query's parameters; the last one counts where a name is repeated. */
export function queryOf(url: string): Record<string, string> {
  const [, query = ""] = /\?([^#]*)/.exec(url) ?? [];
  return Object.fromEntries(new URLSearchParams(query));
}

/** RFC 9112 section 3.2; HTTP/1.0 need not name one. `headers` would show only the first of several. */
export function namesOneHost({ httpVersion, rawHeaders }: IncomingMessage): boolean {
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  const hosts = names.filter((name) => name.toLowerCase() === "host").length;
  return hosts === 1 || (hosts === 0 && httpVersion !== "1.1");
}

/** RFC 9110 section 10.1.1: whether nothing else is expected. */
export function expectsContinue({ headers }: IncomingMessage): boolean {
  return (headers.expect ?? "100-continue").toLowerCase() === "100-continue";
}

/**
 * A header that a request may have once, as UTF-8; undefined if it has none. `headers` would show only the
 * first of several, or all as one text.
 *
 * @throws Refused 400
 */
export function soleHeader({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  const lower = name.toLowerCase();
  const values = rawHeaders.filter((_, index) => {
    return index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === lower;
  });
  const [value] = values;
  if (value === undefined) return undefined;
  if (values.length > 1) throw badRequest(`${values.length} headers ${name}; at most one`);
  // The parser turns each byte into a character.
  const { text, exact } = decodeText(Buffer.from(value, "latin1"));
  if (!exact) throw badRequest(`the header ${name} is not UTF-8`);
  return text;
}

/**
 * The token of the Authorization header; undefined if there is none.
 *
 * @throws Refused 400
 */
export function bearerToken(request: IncomingMessage): string | undefined {
  const value = soleHeader(request, "Authorization") ?? "";
  return /^Bearer +([^\s]+) *$/i.exec(value)?.[1];
}
